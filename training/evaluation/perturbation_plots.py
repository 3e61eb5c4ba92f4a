"""Performance on unperturbed and perturbed films → reliability and risk-coverage plots."""

from __future__ import annotations

from pathlib import Path

from training.evaluation.abstention import WANTED_ACCURACY, measure_abstention, risk_coverage
from training.evaluation.curves import reliability
from training.evaluation.metrics import ECE_BINS
from training.evaluation.performance import Performance
from training.evaluation.perturbed_sets import PerturbedSets
from training.evaluation.plots import COLOURS, make_panels, prepare_reliability, save_figure

_STYLES = {"unperturbed": ("o-", COLOURS["NORMAL"]), "perturbed": ("s--", COLOURS["PNEUMONIA"])}


def write_perturbation_plots(performance: Performance, folder: Path, title: str, prefix: str = "") -> None:
    """Write `calibration.png` and `risk_coverage.png`, each name after `prefix`."""
    _plot_calibration(performance, folder / f"{prefix}calibration.png", title)
    _plot_risk_coverage(performance, folder / f"{prefix}risk_coverage.png", title)


def _plot_calibration(performance: Performance, path: Path, title: str) -> None:
    figure, (axis,) = make_panels(f"Calibration: {title}", 1, 1)
    prepare_reliability(axis, ECE_BINS)
    for name, assessment in (("unperturbed", performance.unperturbed), ("perturbed", performance.perturbed)):
        if assessment is not None:
            style, colour = _STYLES[name]
            ece = assessment.metrics[assessment.default]["ece"].format_value()
            predicted, observed, _ = reliability(assessment.labels, assessment.probabilities)
            axis.plot(predicted, observed, style, color=colour, label=f"{name}, ECE {ece}", markersize=4)
    axis.legend(frameon=False, loc="lower right")
    save_figure(figure, path)


def _plot_risk_coverage(performance: Performance, path: Path, title: str) -> None:
    figure, (axis,) = make_panels(f"Risk and coverage: {title}", 1, 1)
    rule = performance.rule
    threshold = rule.operating_points[rule.default]
    parts: dict[str, PerturbedSets | None] = {
        "unperturbed": performance.sets.unperturbed,
        "perturbed": performance.sets.perturbed,
    }
    for name, sets in parts.items():
        if sets is None:
            continue
        style, colour = _STYLES[name]
        curve = risk_coverage(sets, threshold)
        axis.plot(curve["coverage"], curve["accuracy"], style, color=colour, label=name, markersize=3)
        if rule.refer_band is not None:
            found = measure_abstention(sets, threshold, rule.refer_band)
            referred, accuracy = found["referred"].value, found["accuracy"].value
            if referred is not None and accuracy is not None:
                label = f"{name}, the abstention band"
                axis.plot(1 - referred, accuracy, "*", color=colour, markersize=13, label=label)
    if rule.refer_band is not None:
        axis.axhline(WANTED_ACCURACY, linestyle=":", color="gray")
    axis.set(
        xlabel=f"Coverage: proportion of films answered, farthest from “{rule.default}”",
        ylabel="Accuracy on answered films",
    )
    axis.invert_xaxis()
    axis.legend(frameon=False, loc="lower right")
    save_figure(figure, path)
