"""Labels and logits → metrics at every operating point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.inference.metrics_record import FilmMetrics, PointMetrics, PredictiveValues
from app.names import LABELS
from training.data.patients import Grouping
from training.evaluation.metrics import Metric, binary_metrics
from training.evaluation.proportions import predictive_values


@dataclass(frozen=True)
class Assessment:
    """Predictions on labelled films, and their metrics.

    Attributes:
        labels: 0 or 1 (PNEUMONIA), (films,).
        logits: (films,).
        probabilities: calibrated, (films,).
        operating_points: name → threshold on the logit.
        default: the point shown first.
        metrics: of each point.
        intervals: the bootstrap's groups, in words.
        patients: their number.
        predictive: point → prevalence as text → `ppv` and `npv`.
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
        """Return which films are predicted PNEUMONIA."""
        return predict(self.logits, self.operating_points[operating_point])

    def confusion(self, operating_point: str) -> NDArray[np.int64]:
        """Count films by label (rows) and predicted class (columns), int64 (2, 2)."""
        cells = self.labels.astype(np.int64) * 2 + self.predicted(operating_point)
        return np.bincount(cells, minlength=4).reshape(2, 2)

    def to_record(self) -> FilmMetrics:
        """Return the metrics for `model.json` and `metrics.json`."""
        return FilmMetrics(
            films={label: int(np.sum(self.labels == number)) for number, label in enumerate(LABELS)},
            patients=self.patients,
            intervals=f"95 % percentile bootstrap, 1000 resamples {self.intervals}",
            operating_points={name: self._describe_point(name, metrics) for name, metrics in self.metrics.items()},
        )

    def _describe_point(self, name: str, metrics: dict[str, Metric]) -> PointMetrics:
        predictive = self.predictive.get(name, {})
        return PointMetrics(
            threshold=self.operating_points[name],
            confusion_matrix=self.confusion(name).tolist(),
            **{key: metric.to_record() for key, metric in metrics.items()},
            predictive_values={
                prevalence: PredictiveValues(**{key: metric.to_record() for key, metric in values.items()})
                for prevalence, values in predictive.items()
            },
        )


def assess(
    labels: NDArray[np.uint8],
    logits: NDArray[np.float32],
    grouping: Grouping,
    *,
    calibrate: Callable[[float], float],
    operating_points: dict[str, float],
    default: str,
) -> Assessment:
    """Compute the metrics of logits (films,) at every operating point; see `Assessment`.

    `grouping` holds the patients; `calibrate` turns a logit into a probability.
    """
    probabilities = np.array([calibrate(logit) for logit in logits.tolist()])
    groups = grouping.groups
    predicted = {name: predict(logits, threshold) for name, threshold in operating_points.items()}
    return Assessment(
        labels=labels,
        logits=logits,
        probabilities=probabilities,
        operating_points=operating_points,
        default=default,
        metrics={name: binary_metrics(labels, probabilities, called, groups) for name, called in predicted.items()},
        intervals=grouping.rule,
        patients=len(np.unique(groups)),
        predictive={name: predictive_values(labels, called, groups) for name, called in predicted.items()},
    )


def predict(logits: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Return which logits are PNEUMONIA, compared in float64 as the service does."""
    # Beside a float32, NumPy would round the threshold.
    return logits.astype(np.float64) >= threshold
