"""Labels and scores → the points of a reliability diagram and of an ROC curve, for every plot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import bin_by_mass

Floats = NDArray[np.float64]


class Reliability(NamedTuple):
    """Mean predicted probability and proportion of PNEUMONIA of each bin, float64 of shape (bins,), and its films."""

    predicted: Floats
    observed: Floats
    films: list[NDArray[np.intp]]


class Roc(NamedTuple):
    """False positive rate and sensitivity, rising from 0 to 1, float64 of shape (points,)."""

    false_positive_rate: Floats
    sensitivity: Floats


def reliability(labels: NDArray[np.uint8], probabilities: Floats) -> Reliability:
    """Compute the reliability diagram over the bins of the ECE; fewer where there are fewer films.

    Args:
        labels: 0 or 1 (PNEUMONIA), of shape (films,), at least one.
        probabilities: of PNEUMONIA, of shape (films,).
    """
    order = np.argsort(probabilities, kind="stable")
    bins = bin_by_mass((np.arange(order.size) + 0.5) / order.size)
    films = np.split(order, np.flatnonzero(np.diff(bins)) + 1)
    predicted = np.array([probabilities[chosen].mean() for chosen in films])
    observed = np.array([labels[chosen].mean() for chosen in films])
    return Reliability(predicted, observed, films)


def roc(labels: NDArray[np.uint8], scores: NDArray[np.floating]) -> Roc | None:
    """Compute the ROC curve; None where only one class is present."""
    if len(np.unique(labels)) < 2:
        return None
    from sklearn.metrics import roc_curve

    false_positive_rate, sensitivity, _ = roc_curve(labels, scores)
    return Roc(false_positive_rate, sensitivity)
