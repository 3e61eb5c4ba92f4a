"""An audit → sections of text and tables for console, `audit.json` and model card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from training.audit.audit import Audit
from training.audit.copies import Copies, Difference
from training.audit.corruptions import CENTRE
from training.audit.robustness import LARGEST_CHANGE, SHOWN_METRICS, PerturbedMetrics
from training.augmentation.perturbations import UNPERTURBED
from training.data.films import SOURCE_SIDE

_COLUMNS = ("Films", "Accuracy", "Sensitivity", "Specificity", "AUC", "Δ sens.", "Δ spec.")


@dataclass(frozen=True)
class Section:
    """A title, a text and a table."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the section for `audit.json`."""
        return asdict(self)


def describe_audit(audit: Audit) -> list[Section]:
    """Return an audit's sections, in reading order."""
    sections = [
        _describe_shortcuts(audit),
        _describe_criterion(audit),
        _describe_perturbed(
            "Perturbed films",
            f"Perturbed at {SOURCE_SIDE} pixels a side, then shrunk to the model's size. Δ: change in points, "
            "against the same films unperturbed.",
            [metrics for _, steps in audit.axes for metrics in steps],
            audit,
        ),
        _describe_perturbed(
            "Style transfer",
            "Every film takes on the amplitude spectrum, ring by ring, and the gray-level histogram of another; its "
            "anatomy stays in place. A style sampled from either class does not predict the class; one of the other "
            "class contradicts it. The metrics of a model that relies on style fall.",
            audit.styles,
            audit,
        ),
        _describe_perturbed(
            "A marker in a corner",
            "A bright R is drawn into one top corner of the films of one class; the films of the other class are "
            "unchanged. A model that relies on markers is sensitive to it.",
            audit.markers,
            audit,
        ),
        _describe_perturbed(
            "With and without the centre",
            f"The central {CENTRE:.0%} of width and of height is blacked out, or kept alone. The lower the AUC without "
            "the centre, and the higher with it alone, the more the model relies on the lungs. Thresholds were not "
            "chosen for such films: compare the AUC.",
            audit.masks,
            audit,
        ),
    ]
    return sections + ([_describe_copies(audit.copies, audit)] if audit.copies else [])


def print_audit(audit: Audit, console: Console) -> None:
    """Print an audit."""
    print_sections(describe_audit(audit), console)


def print_sections(sections: list[Section], console: Console) -> None:
    """Print every section as a table."""
    for section in sections:
        columns = (Column(name, overflow="fold") for name in section.columns)
        table = Table(*columns, title=section.title, title_justify="left", min_width=60)
        for row in section.rows:
            table.add_row(*row)
        console.print(table)
        console.print(section.text + "\n", markup=False, highlight=False)


def _describe_shortcuts(audit: Audit) -> Section:
    rows = [(f"baseline “{each.name}”", each.sees, each.auc) for each in audit.baselines]
    rows.append(("the model", "the film", audit.unperturbed["auc"]))
    films = " + ".join(f"{number:,} {label}" for label, number in audit.films.items())
    return Section(
        "Shortcut features",
        f"AUC on {audit.data} ({films}). The baselines are gradient boosting, cross-validated by patient; they "
        f"see no lung. Groups of films: {audit.evaluation.grouping.rule}. On these films "
        "shortcut features alone reach the AUC of the baselines; a model's metrics on them show little beyond that.",
        ("Who", "Sees", "AUC", "95 % interval"),
        tuple((name, sees, auc.format_value(), auc.format_interval()) for name, sees, auc in rows),
    )


def _describe_criterion(audit: Audit) -> Section:
    allowed = f"{100 * LARGEST_CHANGE:.0f} points"
    verdict = "met" if audit.criterion.is_met else "NOT met"
    rows = tuple(
        (
            f"{change.metric} changes by at most {allowed}",
            "yes" if change.is_allowed else "no",
            change.perturbation,
            f"{change.unperturbed:.3f}",
            f"{change.perturbed:.3f}",
            _points(change.by),
        )
        for change in audit.criterion.worst
    )
    return Section(
        f"Robustness criterion: {verdict}",
        f"At the operating point “{audit.evaluation.point}”, on {audit.data}: sensitivity and specificity change "
        f"by at most {allowed} over JPEG quality 30 to 95, blur of sigma 1 and 2 at {SOURCE_SIDE} pixels, and ±20 % "
        f"brightness and contrast. One film is {100 / audit.films['PNEUMONIA']:.2f} points of sensitivity or "
        f"{100 / audit.films['NORMAL']:.2f} of specificity.",
        ("Criterion", "Met", "Worst case", "Unperturbed", "Perturbed", "Change, points"),
        rows,
    )


def _describe_perturbed(title: str, text: str, perturbed: list[PerturbedMetrics], audit: Audit) -> Section:
    accuracy, sensitivity, specificity, auc = (audit.unperturbed[name].value or 0.0 for name in SHOWN_METRICS)
    unperturbed = PerturbedMetrics(UNPERTURBED.name, accuracy, sensitivity, specificity, auc)
    rows = [(*_show_metrics(unperturbed), "", "")]
    for metrics in perturbed:
        changes = (_points(metrics.sensitivity - sensitivity), _points(metrics.specificity - specificity))
        rows.append((*_show_metrics(metrics), *changes))
    return Section(title, text, _COLUMNS, tuple(rows))


def _describe_copies(copies: Copies, audit: Audit) -> Section:
    def show(name: str, difference: Difference) -> tuple[str, ...]:
        far = (f"{difference.median:.4f}", f"{difference.largest:.4f}")
        return (name, str(difference.films), *far, str(difference.classes_changed))

    rows = [show("all", copies.every)]
    if copies.evaluated and copies.evaluated.films < copies.every.films:
        rows.append(show(audit.data, copies.evaluated))
    left_out = f" {copies.unreadable} pairs cannot be read." if copies.unreadable else ""
    return Section(
        "The same film as original and as copy",
        "Difference in calibrated probability between the two files of one name, each read as the service reads it, "
        f"and how many change their class at “{audit.evaluation.point}”.{left_out}",
        ("Films", "Pairs", "Median difference", "Largest difference", "Classes changed"),
        tuple(rows),
    )


def _show_metrics(metrics: PerturbedMetrics) -> tuple[str, ...]:
    values = (metrics.accuracy, metrics.sensitivity, metrics.specificity, metrics.auc)
    return (metrics.name, *(f"{value:.3f}" for value in values))


def _points(change: float) -> str:
    return f"{100 * change:+.1f}"
