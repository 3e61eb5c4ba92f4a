"""The abstention band, and accuracy on the answered films.

Selective prediction (El-Yaniv and Wiener 2010): coverage is the proportion answered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.inference.calibration import AbstentionBand
from app.inference.metrics_record import Abstention
from training.evaluation.calibration import fold_by_patient
from training.evaluation.metrics import Metric
from training.evaluation.operating_points import choose_points
from training.evaluation.perturbed_sets import PerturbedSets
from training.evaluation.proportions import measure_proportions

Mask = NDArray[np.bool_]

WANTED_ACCURACY = 0.98
"""Lowest accuracy on answered validation films, perturbed and unperturbed."""

LEAST_REFERRED, MOST_REFERRED = 0.05, 0.5
"""Bounds of the proportion referred, both allowed."""

COVERAGES = tuple(round(1 - step / 40, 3) for step in range(21))
"""Where accuracy is computed, from all films to half."""


def choose_band(sets: PerturbedSets, threshold: float) -> AbstentionBand | None:
    """Choose the narrowest band that leaves `WANTED_ACCURACY` and refers `LEAST_REFERRED` to `MOST_REFERRED`.

    Its ends are equally far from the threshold in logits, and so in calibrated log-odds: one number is chosen. Both
    conditions hold on all perturbed sets together, and on unperturbed films. None: no band meets them.
    """
    parts = [_sort_by_distance(part, threshold) for part in (sets.unperturbed, sets.perturbed) if part is not None]
    distinct = np.unique(np.concatenate([distances for distances, _ in parts]))
    widths = (distinct[:-1] + distinct[1:]) / 2
    meets = np.ones(len(widths), bool)
    for distances, correct in parts:
        inside = np.searchsorted(distances, widths)
        answered = len(distances) - inside
        correct_answered = correct.sum() - np.r_[0, np.cumsum(correct)][inside]
        referred = inside / len(distances)
        meets &= (referred >= LEAST_REFERRED) & (referred <= MOST_REFERRED)
        meets &= correct_answered >= WANTED_ACCURACY * answered
    if not meets.any():
        return None
    width = float(widths[np.argmax(meets)])
    return AbstentionBand(threshold - width, threshold + width)


def measure_abstention(sets: PerturbedSets, threshold: float, band: AbstentionBand) -> dict[str, Metric]:
    """Compute the proportion `referred`, and answered films' `accuracy`, `sensitivity`, `specificity`, sets pooled."""
    labels, logits, patients = sets.pool()
    z = logits.astype(np.float64)
    return measure_answered(labels, band.contains(z), (z >= threshold) == labels, patients.groups)


def measure_answered(
    labels: NDArray[np.uint8], inside: Mask, correct: Mask, groups: NDArray[np.int64]
) -> dict[str, Metric]:
    """Compute the same from films `inside` the band and predicted correctly."""
    answered = ~inside
    return measure_proportions(
        {
            "referred": (inside, np.ones(len(labels), bool)),
            "accuracy": (correct & answered, answered),
            "sensitivity": (correct & answered & (labels == 1), answered & (labels == 1)),
            "specificity": (correct & answered & (labels == 0), answered & (labels == 0)),
        },
        groups,
    )


def cross_fit_band(sets: PerturbedSets, default: str) -> dict[str, dict[str, Metric]] | None:
    """Choose threshold and band without each fold's patients, and measure them on those.

    Returns:
        `unperturbed` and, if any, `perturbed`: see `measure_abstention`; None where a fold has no band.
    """
    inside, correct = np.zeros(sets.logits.shape, bool), np.zeros(sets.logits.shape, bool)
    for held_out in fold_by_patient(sets.patients):
        others = sets.take(~held_out)
        threshold = choose_points((default,), others)[default]
        band = choose_band(others, threshold)
        if band is None:
            return None
        z = sets.logits[:, held_out].astype(np.float64)
        inside[:, held_out] = band.contains(z)
        correct[:, held_out] = (z >= threshold) == sets.labels[held_out]
    measured = {}
    for name, rows in {"unperturbed": slice(0, 1), "perturbed": slice(1, None)}.items():
        times = len(inside[rows])
        if times:
            labels, groups = np.tile(sets.labels, times), np.tile(sets.patients.groups, times)
            measured[name] = measure_answered(labels, inside[rows].ravel(), correct[rows].ravel(), groups)
    return measured


def risk_coverage(sets: PerturbedSets, threshold: float) -> dict[str, list[float]]:
    """Compute the `accuracy` of answered films at each `coverage`, referring those nearest to a threshold."""
    distances, correct = _sort_by_distance(sets, threshold)
    correct_farthest = np.r_[0, np.cumsum(correct[::-1])]
    answered = [max(1, round(len(distances) * coverage)) for coverage in COVERAGES]
    return {"coverage": list(COVERAGES), "accuracy": [round(float(correct_farthest[n] / n), 6) for n in answered]}


def record_abstention(measured: dict[str, Metric]) -> Abstention:
    """Return `measure_abstention` for `model.json`."""
    return Abstention(**{name: metric.to_record() for name, metric in measured.items()})


def _sort_by_distance(sets: PerturbedSets, threshold: float) -> tuple[NDArray[np.float64], Mask]:
    """Return distances from the threshold, rising, and which films are predicted correctly."""
    labels, logits, _ = sets.pool()
    z = logits.astype(np.float64)
    distances = np.abs(z - threshold)
    order = np.argsort(distances, kind="stable")
    return distances[order], ((z >= threshold) == labels)[order]
