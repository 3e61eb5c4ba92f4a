"""An audit → sections of text and tables, which the console, `audit.json` and the model card show alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from training.audit.audit import UNPERTURBED, Audit
from training.audit.copies import Copies, Difference
from training.audit.corruptions import CENTRE
from training.audit.robustness import FIGURES, LARGEST_CHANGE, PerturbedMetrics
from training.data.films import SOURCE_SIDE
from training.evaluation.metrics import Metric

_VIEW_COLUMNS = ("Films", "Accuracy", "Sensitivity", "Specificity", "AUC", "Δ sens.", "Δ spec.")


@dataclass(frozen=True)
class Section:
    """One part of the audit, for people: a `title`, a `text`, and a table of `columns` and `rows`."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Answer it for `audit.json`."""
        return asdict(self)


def describe_audit(audit: Audit) -> list[Section]:
    """Answer the sections of an audit, in the order in which they are read."""
    sections = [
        _describe_shortcuts(audit),
        _describe_promise(audit),
        _describe_views(
            "Altered films",
            f"Altered at {SOURCE_SIDE} pixels a side, then shrunk to the model's size. Δ: in points, "
            "against the same films unaltered.",
            [view for _, views in audit.views for view in views],
            audit,
        ),
        _describe_views(
            "Borrowed looks",
            "Every film takes on the detail, ring by ring of its spectrum, and the gray levels of another, while all "
            "stays where it is. Drawn from either class, the look says nothing of the class any more; drawn from the "
            "other class, it speaks against it. A model that reads looks falls.",
            audit.looks,
            audit,
        ),
        _describe_views(
            "A marker in a corner",
            "A bright R drawn into one top corner of the films of one class; those of the other class stay as they "
            "are. A model that reads markers sways.",
            audit.markers,
            audit,
        ),
        _describe_views(
            "With and without the centre",
            f"The central {CENTRE:.0%} of width and of height blacked out, or kept with the rest blacked out. The less "
            "is left without the centre, and the more with it alone, the more the model looks at the lungs. "
            "Thresholds were not chosen for such films: the AUC tells more than the other figures.",
            audit.masks,
            audit,
        ),
    ]
    return sections + ([_describe_copies(audit.copies, audit)] if audit.copies else [])


def print_audit(audit: Audit, console: Console) -> None:
    """Print every section as a table."""
    for section in describe_audit(audit):
        table = Table(*section.columns, title=section.title, title_justify="left", min_width=60)
        for row in section.rows:
            table.add_row(*row)
        console.print(table)
        console.print(section.text + "\n", markup=False, highlight=False)


def _describe_shortcuts(audit: Audit) -> Section:
    model = ("the model", "the film", *_show_interval(audit.unaltered["auc"]))
    rows = [(f"baseline “{each.name}”", each.sees, *_show_interval(each.auc)) for each in audit.baselines]
    return Section(
        "What gives the class away",
        f"AUC on {_count(audit)}. The baselines are gradient boosting, cross-validated by patient; they see "
        f"no lung. Groups of films: {audit.subject.patients.rule}. What the baselines reach, these films give away; a "
        "model's figures on them say little beyond that.",
        ("Who", "Sees", "AUC", "95 % interval"),
        (*rows, model),
    )


def _describe_promise(audit: Audit) -> Section:
    allowed = f"{100 * LARGEST_CHANGE:.0f} points"
    verdict = "kept" if audit.promise.is_kept else "NOT kept"
    rows = tuple(
        (
            f"{move.figure} moves by at most {allowed}",
            "yes" if move.is_allowed else "no",
            move.view,
            f"{move.unaltered:.3f}",
            f"{move.altered:.3f}",
            _points(move.by),
        )
        for move in audit.promise.worst
    )
    return Section(
        f"The promise: {verdict}",
        f"What should hold at the operating point “{audit.subject.point}”, on {audit.subject.data}: sensitivity and "
        f"specificity move by at most {allowed} over JPEG quality 30 to 95, blur of sigma 1 and 2 at {SOURCE_SIDE} "
        f"pixels, and ±20 % brightness and contrast. One film is {100 / audit.films['PNEUMONIA']:.2f} points "
        f"of sensitivity or {100 / audit.films['NORMAL']:.2f} of specificity.",
        ("RobustnessCriterion", "Kept", "Worst case", "Unaltered", "Altered", "Change, points"),
        rows,
    )


def _describe_views(title: str, text: str, views: list[PerturbedMetrics], audit: Audit) -> Section:
    accuracy, sensitivity, specificity, auc = (audit.unaltered[figure].value or 0.0 for figure in FIGURES)
    unaltered = PerturbedMetrics(UNPERTURBED.name, accuracy, sensitivity, specificity, auc)
    rows = [(unaltered.name, *_show_figures(unaltered), "", "")]
    for view in views:
        moves = (_points(view.sensitivity - sensitivity), _points(view.specificity - specificity))
        rows.append((view.name, *_show_figures(view), *moves))
    return Section(title, text, _VIEW_COLUMNS, tuple(rows))


def _describe_copies(copies: Copies, audit: Audit) -> Section:
    def show(name: str, difference: Difference) -> tuple[str, ...]:
        far = (f"{difference.median:.4f}", f"{difference.largest:.4f}")
        return (name, str(difference.films), *far, str(difference.classes_changed))

    rows = [show("all", copies.every)]
    if copies.evaluated and copies.evaluated.films < copies.every.films:
        rows.append(show(audit.subject.data, copies.evaluated))
    left_out = f" {copies.unreadable} pairs cannot be read." if copies.unreadable else ""
    return Section(
        "The same film as original and as copy",
        "Difference in the calibrated probability between the two files of one name, each read as the service reads "
        f"it, and how many change their class at “{audit.subject.point}”.{left_out}",
        ("Films", "Pairs", "Median difference", "Largest difference", "Classes changed"),
        tuple(rows),
    )


def _show_figures(view: PerturbedMetrics) -> tuple[str, ...]:
    return tuple(f"{figure:.3f}" for figure in (view.accuracy, view.sensitivity, view.specificity, view.auc))


def _show_interval(figure: Metric) -> tuple[str, str]:
    return figure.format_value(), figure.format_interval()


def _points(move: float) -> str:
    return f"{100 * move:+.1f}"


def _count(audit: Audit) -> str:
    films = " + ".join(f"{number:,} {label}" for label, number in audit.films.items())
    return f"{audit.subject.data} ({films})"
