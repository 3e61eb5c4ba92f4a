"""An audit → one PNG; no metric is computed here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from training.audit.audit import Audit
from training.audit.copies import Copies
from training.audit.corruptions import CENTRE, IN_CRITERION, Axis
from training.audit.robustness import LARGEST_CHANGE, PerturbedMetrics
from training.augmentation.perturbations import UNPERTURBED
from training.evaluation.plots import COLOURS, make_panels, save_figure

_STYLES = {"sensitivity": ("s", "--", COLOURS["PNEUMONIA"]), "specificity": ("o", "-", COLOURS["NORMAL"])}
"""Marker, line and colour."""


def plot_audit(audit: Audit, path: Path) -> None:
    """Plot every part of an audit."""
    verdict = "met" if audit.criterion.is_met else "not met"
    title = (
        f"Audit of {audit.evaluation.entry.label} on {audit.data}, at “{audit.evaluation.point}”; "
        f"robustness criterion of {100 * LARGEST_CHANGE:.0f} points (shaded): {verdict}"
    )
    figure, panels = make_panels(title, 3, 5, 4.0, 3.3)
    unused = iter(panels)
    _plot_shortcuts(next(unused), audit)
    lowest = min(min(each.sensitivity, each.specificity) for _, steps in audit.axes for each in steps)
    for axis, steps in audit.axes:
        panel = next(unused)
        _plot_axis(panel, axis, steps, audit)
        panel.set_ylim(max(-0.02, min(lowest, 0.9) - 0.03), 1.01)
    handles, labels = panel.get_legend_handles_labels()
    _plot_perturbed(next(unused), "Style transfer", audit.styles, audit)
    _plot_perturbed(next(unused), "R in a top corner of one class", audit.markers, audit)
    masks = next(unused)
    _plot_perturbed(masks, f"Central {CENTRE:.0%} × {CENTRE:.0%} hidden or alone", audit.masks, audit)
    if audit.copies:
        _plot_copies(next(unused), audit.copies)
    more, named = masks.get_legend_handles_labels()
    legend = next(unused)
    legend.legend([*handles, *more], [*labels, *named], loc="center", frameon=False)
    for empty in (legend, *unused):
        empty.set_axis_off()
    save_figure(figure, path)


def _plot_axis(panel: Axes, axis: Axis, steps: list[PerturbedMetrics], audit: Audit) -> None:
    is_in_criterion = any(step.name in IN_CRITERION for step in steps)
    for name, (marker, line, colour) in _STYLES.items():
        plain = audit.unperturbed[name].value or 0.0
        points = sorted([(axis.unperturbed, plain), *((step.amount or 0.0, getattr(step, name)) for step in steps)])
        amounts, values = zip(*points, strict=True)
        if is_in_criterion:
            panel.axhspan(plain - LARGEST_CHANGE, plain + LARGEST_CHANGE, color=colour, alpha=0.15, linewidth=0)
        panel.plot(amounts, values, label=name, markersize=4, marker=marker, linestyle=line, color=colour)
    panel.axvline(axis.unperturbed, color="gray", linestyle=":", label=UNPERTURBED.name)
    panel.set_title(axis.name, fontsize=10)


def _plot_perturbed(panel: Axes, title: str, perturbed: list[PerturbedMetrics], audit: Audit) -> None:
    places = np.arange(len(perturbed) + 1)
    for name, (marker, _, colour) in _STYLES.items():
        values = [audit.unperturbed[name].value or 0.0, *(getattr(each, name) for each in perturbed)]
        panel.plot(values, places, marker=marker, linestyle="", color=colour, markersize=5)
    aucs = [audit.unperturbed["auc"].value or 0.0, *(each.auc for each in perturbed)]
    panel.plot(aucs, places, "D", color="black", markersize=3.5, label="AUC")
    names = [each.name.removeprefix("R ").replace(", ", ",\n").replace(" of ", "\nof ") for each in perturbed]
    panel.set_yticks(places, [UNPERTURBED.name, *(name.replace("centre ", "centre\n") for name in names)], fontsize=8)
    panel.set_ylim(len(perturbed) + 0.5, -0.5)
    panel.set_xlim(min([*aucs, *(min(each.sensitivity, each.specificity) for each in perturbed), 0.8]) - 0.03, 1.01)
    panel.set_title(title, fontsize=10)


def _plot_shortcuts(panel: Axes, audit: Audit) -> None:
    rows = [(f"{each.name}\nalone", each.auc, "gray") for each in audit.baselines]
    rows.append(("the\nmodel", audit.unperturbed["auc"], "black"))
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


def _plot_copies(panel: Axes, copies: Copies) -> None:
    panel.plot([0, 1], [0, 1], ":", color="gray")
    panel.plot(*copies.probabilities, "o", color=COLOURS["NORMAL"], markersize=3, alpha=0.6)
    panel.set(xlabel="Probability of a film", ylabel="Of its copy")
    panel.set_title(f"The same {copies.every.films} films twice", fontsize=10)
