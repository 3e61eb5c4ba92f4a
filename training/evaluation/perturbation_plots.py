"""Films as sent and altered → two plots of how far to trust a model: its calibration, and its risk by coverage."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.evaluation.abstention import WANTED_ACCURACY, measure_abstention, risk_coverage
from training.evaluation.assessment import Assessment
from training.evaluation.metrics import ECE_BINS
from training.evaluation.performance import Performance
from training.evaluation.perturbed_sets import PerturbedSets
from training.evaluation.plots import COLOURS, make_panels, save_figure

_STYLES = {"as sent": ("o-", COLOURS["NORMAL"]), "altered": ("s--", COLOURS["PNEUMONIA"])}


def write_perturbation_plots(measured: Performance, folder: Path, title: str, prefix: str = "") -> None:
    """Write `calibration.png` and `risk_coverage.png` into a folder.

    Args:
        measured: what is shown.
        folder: of the entry.
        title: above the plots.
        prefix: before each file name.
    """
    _write_calibration(measured, folder / f"{prefix}calibration.png", title)
    _write_risk_coverage(measured, folder / f"{prefix}risk_coverage.png", title)


def _write_calibration(measured: Performance, path: Path, title: str) -> None:
    figure, (axis,) = make_panels(f"Calibration: {title}", 1, 1)
    axis.plot([0, 1], [0, 1], ":", color="gray")
    for name, assessment in (("as sent", measured.unperturbed), ("altered", measured.perturbed)):
        if assessment is not None:
            style, colour = _STYLES[name]
            ece = assessment.metrics[assessment.default]["ece"].value
            said, found = _bin(assessment)
            axis.plot(said, found, style, color=colour, label=f"{name}, ECE {ece:.3f}", markersize=4)
    axis.set(xlabel=f"Mean probability said, {ECE_BINS} bins of equal size", ylabel="Share with PNEUMONIA")
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axis.legend(frameon=False, loc="lower right")
    save_figure(figure, path)


def _write_risk_coverage(measured: Performance, path: Path, title: str) -> None:
    figure, (axis,) = make_panels(f"Risk and coverage: {title}", 1, 1)
    chosen = measured.chosen
    threshold = chosen.operating_points[chosen.default]
    parts: dict[str, PerturbedSets | None] = {
        "as sent": measured.views.unperturbed,
        "altered": measured.views.perturbed,
    }
    for name, views in parts.items():
        if views is None:
            continue
        style, colour = _STYLES[name]
        curve = risk_coverage(views, threshold)
        axis.plot(curve["coverage"], curve["accuracy"], style, color=colour, label=name, markersize=3)
        if chosen.refer_band is not None:
            found = measure_abstention(views, threshold, chosen.refer_band)
            referred, accuracy = found["referred"].value, found["accuracy"].value
            if referred is not None and accuracy is not None:
                axis.plot(1 - referred, accuracy, "*", color=colour, markersize=13, label=f"{name}, the refer band")
    if chosen.refer_band is not None:
        axis.axhline(WANTED_ACCURACY, linestyle=":", color="gray")
    axis.set(xlabel=f"Share of films answered: the farthest from “{chosen.default}”", ylabel="Accuracy on those")
    axis.invert_xaxis()
    axis.legend(frameon=False, loc="lower right")
    save_figure(figure, path)


def _bin(assessment: Assessment) -> tuple[list[float], list[float]]:
    """Answer mean probability and share of PNEUMONIA of each bin of equal mass."""
    order = np.argsort(assessment.probabilities, kind="stable")
    bins = [chosen for chosen in np.array_split(order, ECE_BINS) if chosen.size]
    said = [float(assessment.probabilities[chosen].mean()) for chosen in bins]
    return said, [float(assessment.labels[chosen].mean()) for chosen in bins]
