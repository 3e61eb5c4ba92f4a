"""Where a model says: ask a human. A band of logits, and what is left when the films in it are referred."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.calibration import AbstentionBand
from training.evaluation.calibration import fold_by_patient
from training.evaluation.metrics import Metric
from training.evaluation.operating_points import choose_points
from training.evaluation.perturbed_sets import PerturbedSets
from training.evaluation.proportions import measure_proportions

WANTED_ACCURACY = 0.98
"""Of the films that are not referred, on the altered validation films."""

LEAST_REFERRED = 0.05
MOST_REFERRED = 0.5
"""Shares of the films between which the band refers."""

COVERAGES = tuple(round(1 - step / 40, 3) for step in range(21))
"""Shares of films answered, from all to half, at which the rest's accuracy is told."""


def choose_band(views: PerturbedSets, threshold: float) -> AbstentionBand | None:
    """Choose the narrowest band around a threshold that leaves `WANTED_ACCURACY` and refers `LEAST_REFERRED`.

    Its ends are equally far from the threshold, in logits and so in calibrated log-odds too: one number is chosen, as
    few as can be. Both promises hold on the altered films, all views together, and on the films as sent.

    Args:
        views: of the validation films.
        threshold: the operating point around which the band lies.

    Returns:
        the band; None where none that refers at most `MOST_REFERRED` keeps the promises.
    """
    sets = [_distances(part, threshold) for part in (views.unperturbed, views.perturbed) if part is not None]
    distinct = np.unique(np.concatenate([distances for distances, _ in sets]))
    widths = (distinct[:-1] + distinct[1:]) / 2
    keeps = np.ones(len(widths), bool)
    for distances, correct in sets:
        inside = np.searchsorted(distances, widths)
        left = len(distances) - inside
        right_after = correct.sum() - np.r_[0, np.cumsum(correct)][inside]
        share = inside / len(distances)
        keeps &= (share >= LEAST_REFERRED) & (share <= MOST_REFERRED)
        keeps &= right_after >= WANTED_ACCURACY * left
    if not keeps.any():
        return None
    width = float(widths[np.argmax(keeps)])
    return AbstentionBand(threshold - width, threshold + width)


def measure_abstention(views: PerturbedSets, threshold: float, band: AbstentionBand) -> dict[str, Metric]:
    """Measure what a band refers, and what is right of the rest at a threshold, all views together.

    Returns:
        `referred`, a share, and of the rest `accuracy`, `sensitivity` and `specificity`; see `measure_proportions`.
    """
    labels, logits, patients = views.pool()
    z = logits.astype(np.float64)
    return _measure(labels, band.contains(z), (z >= threshold) == labels, patients.groups)


def cross_fit_band(views: PerturbedSets, default: str) -> dict[str, dict[str, Metric]] | None:
    """Choose threshold and band anew without each fold's patients, and measure them on those.

    Returns:
        `as_sent` and, where there are such, `altered`: see `measure_abstention`; None where a fold has no band.
    """
    inside, correct = np.zeros(views.logits.shape, bool), np.zeros(views.logits.shape, bool)
    for held_out in fold_by_patient(views.patients):
        rest = views.take(~held_out)
        threshold = choose_points((default,), rest)[default]
        band = choose_band(rest, threshold)
        if band is None:
            return None
        z = views.logits[:, held_out].astype(np.float64)
        inside[:, held_out] = band.contains(z)
        correct[:, held_out] = (z >= threshold) == views.labels[held_out]
    parts = {"as_sent": slice(0, 1), "altered": slice(1, None)}
    measured = {}
    for name, rows in parts.items():
        times = len(inside[rows])
        if times:
            labels, groups = np.tile(views.labels, times), np.tile(views.patients.groups, times)
            measured[name] = _measure(labels, inside[rows].ravel(), correct[rows].ravel(), groups)
    return measured


def risk_coverage(views: PerturbedSets, threshold: float) -> dict[str, list[float]]:
    """Answer how accurate the rest is when ever more of the films nearest to a threshold are referred.

    Returns:
        `coverage`, the shares of films answered, and the `accuracy` at each.
    """
    distances, correct = _distances(views, threshold)
    right_of_last = np.r_[0, np.cumsum(correct[::-1])]
    kept = [max(1, round(len(distances) * coverage)) for coverage in COVERAGES]
    return {"coverage": list(COVERAGES), "accuracy": [round(float(right_of_last[n] / n), 6) for n in kept]}


def show_referral(measured: dict[str, Metric]) -> dict[str, Any]:
    """Answer `measure_abstention` for `model.json`."""
    return {name: metric.to_json() for name, metric in measured.items()}


def _distances(views: PerturbedSets, threshold: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Answer every film's distance from the threshold, rising, and whether its class is right."""
    labels, logits, _ = views.pool()
    z = logits.astype(np.float64)
    distances = np.abs(z - threshold)
    order = np.argsort(distances, kind="stable")
    return distances[order], ((z >= threshold) == labels)[order]


def _measure(
    labels: NDArray[np.uint8], inside: NDArray[np.bool_], correct: NDArray[np.bool_], groups: NDArray[np.int64]
) -> dict[str, Metric]:
    kept = ~inside
    everything = np.ones(len(labels), bool)
    return measure_proportions(
        {
            "referred": (inside, everything),
            "accuracy": (correct & kept, kept),
            "sensitivity": (correct & kept & (labels == 1), kept & (labels == 1)),
            "specificity": (correct & kept & (labels == 0), kept & (labels == 0)),
        },
        groups,
    )
