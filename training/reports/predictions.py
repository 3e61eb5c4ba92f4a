"""What was predicted of labelled films, by whatever asked the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.assessment import Assessment
from training.evaluation.metrics import Metric

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Predictions:
    """Labelled films, their scores, and the metrics of both.

    Attributes:
        labels: 0 or 1 (PNEUMONIA), (films,).
        scores: rise with PNEUMONIA: logits or probabilities, (films,).
        probabilities: calibrated, (films,).
        predicted: operating point → which films are PNEUMONIA there, (films,).
        metrics: operating point → metrics of `binary_metrics`.
        default: the point at which mistakes count.
        intervals: the bootstrap's groups, in words.
    """

    labels: NDArray[np.uint8]
    scores: NDArray[np.floating]
    probabilities: NDArray[np.float64]
    predicted: dict[str, NDArray[np.bool_]]
    metrics: dict[str, dict[str, Metric]]
    default: str
    intervals: str

    @classmethod
    def of_assessment(cls, assessment: Assessment) -> Predictions:
        """Return those of an assessment."""
        return cls(
            assessment.labels,
            assessment.logits,
            assessment.probabilities,
            {point: assessment.predicted(point) for point in assessment.operating_points},
            assessment.metrics,
            assessment.default,
            assessment.intervals,
        )

    def confusion(self, point: str) -> NDArray[np.int64]:
        """Count films by label (rows) and predicted class (columns), int64 (2, 2)."""
        return np.bincount(self.labels.astype(np.int64) * 2 + self.predicted[point], minlength=4).reshape(2, 2)

    def mistakes(self) -> tuple[Indices, Indices]:
        """Return indices of false alarms and missed pneumonias at the default point, most confident first."""
        predicted = self.predicted[self.default]
        alarms = np.flatnonzero(predicted & (self.labels == 0))
        missed = np.flatnonzero(~predicted & (self.labels == 1))
        return (
            alarms[np.argsort(-self.scores[alarms], kind="stable")],
            missed[np.argsort(self.scores[missed], kind="stable")],
        )
