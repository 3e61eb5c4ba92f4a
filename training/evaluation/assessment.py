"""Films, logits and thresholds → one assessment: the figures at every operating point, ready to print and keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.names import LABELS
from training.data.patients import Grouping
from training.evaluation.metrics import Metric, binary_metrics
from training.evaluation.proportions import predictive_values


@dataclass(frozen=True)
class Assessment:
    """What a model says of labelled films.

    Attributes:
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        logits: float32, likewise.
        probabilities: calibrated, float64, likewise.
        operating_points: name → threshold on the logit.
        default: the name of the one that is served where none is asked for.
        metrics: name of the operating point → its figures.
        intervals: what the bootstrap resampled, in words.
        patients: how many groups it resampled.
        predictive: name of the operating point → prevalence as text → `ppv` and `npv`.
    """

    labels: NDArray[np.uint8]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    operating_points: dict[str, float]
    default: str
    metrics: dict[str, dict[str, Metric]]
    intervals: str
    patients: int
    predictive: dict[str, dict[str, dict[str, Metric]]] = field(default_factory=dict)

    def predicted(self, operating_point: str) -> NDArray[np.bool_]:
        """Answer which films are called PNEUMONIA there."""
        # As the service compares them: a float32 beside a threshold would round it.
        return self.logits.astype(np.float64) >= self.operating_points[operating_point]

    def confusion(self, operating_point: str) -> NDArray[np.int64]:
        """Answer the films by true class (rows) and given class (columns), int64 of shape (2, 2)."""
        cells = self.labels.astype(np.int64) * 2 + self.predicted(operating_point)
        return np.bincount(cells, minlength=4).reshape(2, 2)

    def to_json(self) -> dict[str, Any]:
        """Answer it for `model.json` and `metrics.json`."""
        return {
            "films": {label: int(np.sum(self.labels == number)) for number, label in enumerate(LABELS)},
            "patients": self.patients,
            "intervals": f"95 % percentile bootstrap, 1000 draws {self.intervals}",
            "operating_points": {
                name: {
                    "threshold": self.operating_points[name],
                    "confusion_matrix": self.confusion(name).tolist(),
                    **{metric: figure.to_json() for metric, figure in figures.items()},
                    "predictive_values": {
                        prevalence: {value: figure.to_json() for value, figure in values.items()}
                        for prevalence, values in self.predictive.get(name, {}).items()
                    },
                }
                for name, figures in self.metrics.items()
            },
        }


def assess(
    labels: NDArray[np.uint8],
    logits: NDArray[np.float32],
    grouping: Grouping,
    *,
    calibrate: Callable[[float], float],
    operating_points: dict[str, float],
    default: str,
) -> Assessment:
    """Measure a model's logits on labelled films at every operating point.

    Args:
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        logits: likewise.
        grouping: the films' patients.
        calibrate: logit → probability.
        operating_points: name → threshold on the logit.
        default: one of them.
    """
    probabilities = np.array([calibrate(logit) for logit in logits.tolist()])
    groups = grouping.groups
    said = {name: logits.astype(np.float64) >= threshold for name, threshold in operating_points.items()}
    return Assessment(
        labels=labels,
        logits=logits,
        probabilities=probabilities,
        operating_points=operating_points,
        default=default,
        metrics={name: binary_metrics(labels, probabilities, called, groups) for name, called in said.items()},
        intervals=grouping.rule,
        patients=len(np.unique(groups)),
        predictive={name: predictive_values(labels, called, groups) for name, called in said.items()},
    )
