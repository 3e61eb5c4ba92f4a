"""Operating points: named thresholds on the logit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.evaluation.perturbed_sets import PerturbedSets

Choose = Callable[[PerturbedSets], float]

TARGET_RATE = 0.99
"""Lowest sensitivity of `high-sensitivity`, and specificity of `high-specificity`, in every set."""

MARGIN = 1e-4
"""Least distance in logits of a threshold from a film: no rounding changes its class."""


def _choose_balanced(sets: PerturbedSets) -> float:
    thresholds, sensitivity, specificity = _measure_thresholds(sets)
    youden = np.round(sensitivity.mean(axis=0) + specificity.mean(axis=0), 12)
    # Of equals the lowest, which misses fewer.
    return float(thresholds[np.argmax(youden)])


def _choose_sensitive(sets: PerturbedSets) -> float:
    thresholds, sensitivity, _ = _measure_thresholds(sets)
    return float(thresholds[np.flatnonzero(sensitivity.min(axis=0) >= TARGET_RATE)[-1]])


def _choose_specific(sets: PerturbedSets) -> float:
    thresholds, _, specificity = _measure_thresholds(sets)
    return float(thresholds[np.flatnonzero(specificity.min(axis=0) >= TARGET_RATE)[0]])


CHOICES: dict[str, tuple[Choose, str]] = {
    "half": (lambda _sets: 0.0, "probability 0.5 before calibration: logit 0, not chosen on any film"),
    "high-sensitivity": (
        _choose_sensitive,
        f"the highest threshold with a sensitivity of at least {TARGET_RATE:.0%} on the validation films, in every set",
    ),
    "balanced": (_choose_balanced, "the highest sensitivity + specificity on the validation films (Youden 1950)"),
    "high-specificity": (
        _choose_specific,
        f"the lowest threshold with a specificity of at least {TARGET_RATE:.0%} on the validation films, in every set",
    ),
}
"""Name → (sets → threshold, definition)."""


def choose_points(names: tuple[str, ...], sets: PerturbedSets) -> dict[str, float]:
    """Choose thresholds named in `CHOICES` on validation films, sets weighted equally.

    Raises:
        ValueError: only one class is present.
    """
    if len(np.unique(sets.labels)) < 2:
        raise ValueError("Expected films of both classes, to choose a threshold between them. Received one.")
    return {name: CHOICES[name][0](sets) for name in names}


def _measure_thresholds(sets: PerturbedSets) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the possible thresholds, rising, with every set's sensitivity and specificity there.

    They lie halfway between neighbouring logits of any set, or beyond all.
    """
    logits = sets.logits.astype(np.float64)
    distinct = np.unique(logits)
    wide = np.flatnonzero(np.diff(distinct) >= 2 * MARGIN)
    between = (distinct[wide] + distinct[wide + 1]) / 2
    thresholds = np.r_[distinct[0] - MARGIN, between, distinct[-1] + MARGIN]
    below = [
        np.stack([np.searchsorted(np.sort(row[sets.labels == label]), thresholds) for row in logits])
        for label in (0, 1)
    ]
    normal, pneumonia = (np.sum(sets.labels == label) for label in (0, 1))
    return thresholds, 1 - below[1] / pneumonia, below[0] / normal
