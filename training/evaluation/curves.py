"""Labels and scores → points of reliability diagrams and ROC curves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import bin_by_mass

Floats = NDArray[np.float64]


class Reliability(NamedTuple):
    """Each bin's mean predicted probability, proportion of PNEUMONIA, and films."""

    predicted: Floats
    observed: Floats
    films: list[NDArray[np.intp]]


class Roc(NamedTuple):
    """Both rise from 0 to 1."""

    false_positive_rate: Floats
    sensitivity: Floats


def reliability(labels: NDArray[np.uint8], probabilities: Floats) -> Reliability:
    """Compute the reliability diagram over the ECE's bins, fewer with fewer films.

    Args:
        labels: 0 or 1 (PNEUMONIA), (films,), at least one.
        probabilities: of PNEUMONIA, (films,).
    """
    order = np.argsort(probabilities, kind="stable")
    bins = bin_by_mass((np.arange(order.size) + 0.5) / order.size)
    films = np.split(order, np.flatnonzero(np.diff(bins)) + 1)
    predicted = np.array([probabilities[chosen].mean() for chosen in films])
    observed = np.array([labels[chosen].mean() for chosen in films])
    return Reliability(predicted, observed, films)


def roc(labels: NDArray[np.uint8], scores: NDArray[np.floating]) -> Roc | None:
    """Compute the ROC curve; None with one class."""
    if len(np.unique(labels)) < 2:
        return None
    from sklearn.metrics import roc_curve

    false_positive_rate, sensitivity, _ = roc_curve(labels, scores)
    return Roc(false_positive_rate, sensitivity)
