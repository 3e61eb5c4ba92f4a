"""An audit → `audit.json` and `audit.png`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from training.audit.audit import Audit
from training.audit.copies import Copies
from training.audit.corruptions import CENTRE, IN_CRITERION, Axis
from training.audit.robustness import LARGEST_CHANGE, PerturbedMetrics
from training.audit.text import describe_audit
from training.evaluation.plots import COLOURS, make_panels, save_figure

AUDIT_FILES = ("audit.json", "audit.png")
_STYLES = {"sensitivity": ("s", "--", COLOURS["PNEUMONIA"]), "specificity": ("o", "-", COLOURS["NORMAL"])}
"""Of each figure: marker, line and colour."""


def write_audit(audit: Audit, folder: Path) -> None:
    """Write `AUDIT_FILES` into a folder, which is made if it is missing; the same audit gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [section.to_json() for section in describe_audit(audit)]
    text = json.dumps({**audit.to_json(), "sections": sections}, indent=1, ensure_ascii=False)
    (folder / AUDIT_FILES[0]).write_text(text + "\n", encoding="utf-8")
    _plot(audit, folder / AUDIT_FILES[1])


def _plot(audit: Audit, path: Path) -> None:
    verdict = "kept" if audit.promise.is_kept else "not kept"
    title = (
        f"Audit of {audit.subject.entry.label} on {audit.subject.data}, at “{audit.subject.point}”; "
        f"the promise of {100 * LARGEST_CHANGE:.0f} points (shaded): {verdict}"
    )
    figure, panels = make_panels(title, 3, 5, 4.0, 3.3)
    rest = iter(panels)
    _draw_shortcuts(next(rest), audit)
    every = [view for _, views in audit.views for view in views]
    lowest = min(min(view.sensitivity, view.specificity) for view in every)
    for axis, views in audit.views:
        panel = next(rest)
        _draw_axis(panel, axis, views, audit)
        panel.set_ylim(max(-0.02, min(lowest, 0.9) - 0.03), 1.01)
    handles, labels = panel.get_legend_handles_labels()
    _draw_views(next(rest), "Looks borrowed", audit.looks, audit)
    _draw_views(next(rest), "R in a top corner of one class", audit.markers, audit)
    masks = next(rest)
    _draw_views(masks, f"Central {CENTRE:.0%} × {CENTRE:.0%} hidden or alone", audit.masks, audit)
    if audit.copies:
        _draw_copies(next(rest), audit.copies)
    more, named = masks.get_legend_handles_labels()
    legend = next(rest)
    legend.legend([*handles, *more], [*labels, *named], loc="center", frameon=False)
    for empty in (legend, *rest):
        empty.set_axis_off()
    save_figure(figure, path)


def _draw_axis(panel: Axes, axis: Axis, views: list[PerturbedMetrics], audit: Audit) -> None:
    is_promised = any(view.name in IN_CRITERION for view in views)
    for name, (marker, line, colour) in _STYLES.items():
        plain = audit.unaltered[name].value or 0.0
        points = sorted([(axis.unaltered, plain), *((view.amount or 0.0, getattr(view, name)) for view in views)])
        amounts, figures = zip(*points, strict=True)
        if is_promised:
            panel.axhspan(plain - LARGEST_CHANGE, plain + LARGEST_CHANGE, color=colour, alpha=0.15, linewidth=0)
        panel.plot(amounts, figures, label=name, markersize=4, marker=marker, linestyle=line, color=colour)
    panel.axvline(axis.unaltered, color="gray", linestyle=":", label="unaltered")
    panel.set_title(axis.name, fontsize=10)


def _draw_views(panel: Axes, title: str, views: list[PerturbedMetrics], audit: Audit) -> None:
    places = np.arange(len(views) + 1)
    for name, (marker, _, colour) in _STYLES.items():
        figures = [audit.unaltered[name].value or 0.0, *(getattr(view, name) for view in views)]
        panel.plot(figures, places, marker=marker, linestyle="", color=colour, markersize=5)
    aucs = [audit.unaltered["auc"].value or 0.0, *(view.auc for view in views)]
    panel.plot(aucs, places, "D", color="black", markersize=3.5, label="AUC")
    names = [view.name.removeprefix("R ").replace(", ", ",\n").replace(" of ", "\nof ") for view in views]
    panel.set_yticks(places, ["unaltered", *(name.replace("centre ", "centre\n") for name in names)], fontsize=8)
    panel.set_ylim(len(views) + 0.5, -0.5)
    panel.set_xlim(min([*aucs, *(min(view.sensitivity, view.specificity) for view in views), 0.8]) - 0.03, 1.01)
    panel.set_title(title, fontsize=10)


def _draw_shortcuts(panel: Axes, audit: Audit) -> None:
    rows = [(f"{each.name}\nalone", each.auc, "gray") for each in audit.baselines]
    rows.append(("the\nmodel", audit.unaltered["auc"], "black"))
    for place, (_, auc, colour) in enumerate(rows):
        if auc.value is not None and auc.low is not None and auc.high is not None:
            reach = [[auc.value - auc.low], [auc.high - auc.value]]
            panel.errorbar(auc.value, place, xerr=reach, fmt="D", color=colour, capsize=4)
            panel.annotate(f"{auc.value:.3f}", (auc.value, place), (0, 9), textcoords="offset points", ha="center")
    panel.axvline(0.5, color="gray", linestyle=":")
    panel.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlim(0.4, 1.04)
    panel.set_title("AUC, with 95 % intervals", fontsize=10)


def _draw_copies(panel: Axes, copies: Copies) -> None:
    panel.plot([0, 1], [0, 1], ":", color="gray")
    panel.plot(*copies.probabilities, "o", color=COLOURS["NORMAL"], markersize=3, alpha=0.6)
    panel.set(xlabel="Probability of a film", ylabel="Of its copy")
    panel.set_title(f"The same {copies.every.films} films twice", fontsize=10)
