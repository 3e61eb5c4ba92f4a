"""The thresholds on the logit that a finished model offers, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.evaluation.perturbed_sets import PerturbedSets

Choose = Callable[[PerturbedSets], float]

TARGET_RATE = 0.99
"""The share of one class's films that `high-sensitivity` and `high-specificity` promise to call rightly."""

MARGIN = 1e-4
"""Logits that no chosen threshold comes nearer to a film than, so that no rounding moves the film over it."""


def _choose_balanced(views: PerturbedSets) -> float:
    thresholds, sensitivity, specificity = _measure(views)
    youden = np.round(sensitivity.mean(axis=0) + specificity.mean(axis=0), 12)
    # Among equals the lowest, which misses fewer.
    return float(thresholds[np.argmax(youden)])


def _choose_sensitive(views: PerturbedSets) -> float:
    thresholds, sensitivity, _ = _measure(views)
    return float(thresholds[np.flatnonzero(sensitivity.min(axis=0) >= TARGET_RATE)[-1]])


def _choose_specific(views: PerturbedSets) -> float:
    thresholds, _, specificity = _measure(views)
    return float(thresholds[np.flatnonzero(specificity.min(axis=0) >= TARGET_RATE)[0]])


CHOICES: dict[str, tuple[Choose, str]] = {
    "half": (lambda _views: 0.0, "probability 0.5 before calibration: logit 0, not chosen on any film"),
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
"""Name → (views of the validation films → threshold, what it is in words)."""


def choose_points(names: tuple[str, ...], views: PerturbedSets) -> dict[str, float]:
    """Choose each named threshold on the views of validation films, every view weighing alike.

    Args:
        names: from `CHOICES`.
        views: of the validation films; films as sent alone are one view.

    Raises:
        ValueError: only one class is present.
    """
    if len(np.unique(views.labels)) < 2:
        raise ValueError("Expected films of both classes, to choose a threshold between them. Received one.")
    return {name: CHOICES[name][0](views) for name in names}


def _measure(views: PerturbedSets) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Answer thresholds that may be chosen, rising, with the sensitivity and the specificity of every view there.

    A threshold stands halfway between two neighbouring logits of any view, or outside all of them.
    """
    logits = views.logits.astype(np.float64)
    distinct = np.unique(logits)
    wide = np.flatnonzero(np.diff(distinct) >= 2 * MARGIN)
    between = (distinct[wide] + distinct[wide + 1]) / 2
    thresholds = np.r_[distinct[0] - MARGIN, between, distinct[-1] + MARGIN]
    below = [
        np.stack([np.searchsorted(np.sort(row[views.labels == label]), thresholds) for row in logits])
        for label in (0, 1)
    ]
    normal, pneumonia = (np.sum(views.labels == label) for label in (0, 1))
    return thresholds, 1 - below[1] / pneumonia, below[0] / normal
