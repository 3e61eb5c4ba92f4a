"""Metrics under one perturbation, and the robustness criterion over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.audit.corruptions import IN_CRITERION
from training.evaluation.assessment import predict
from training.evaluation.metrics import binary_metrics

LARGEST_CHANGE = 0.03
"""Largest change of sensitivity and specificity allowed over `IN_CRITERION`."""

SHOWN_METRICS = ("accuracy", "sensitivity", "specificity", "auc")
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class PerturbedMetrics:
    """Metrics under one perturbation; `amount` of an axis's step."""

    name: str
    accuracy: float
    sensitivity: float
    specificity: float
    auc: float
    amount: float | None = None


@dataclass(frozen=True)
class Change:
    """A metric's largest change, 0 to 1, and its perturbation."""

    metric: Literal["sensitivity", "specificity"]
    perturbation: str
    unperturbed: float
    perturbed: float

    @property
    def by(self) -> float:
        """The signed change."""
        return self.perturbed - self.unperturbed

    @property
    def is_allowed(self) -> bool:
        """Whether it is `LARGEST_CHANGE` at most."""
        # Exactly 3 points must not fail by rounding.
        return abs(self.by) <= LARGEST_CHANGE + 1e-9


@dataclass(frozen=True)
class RobustnessCriterion:
    """Whether both changes are allowed, and the worst case of each."""

    is_met: bool
    worst: tuple[Change, ...]


def measure_perturbed(
    name: str, labels: NDArray[np.uint8], logits: Logits, threshold: float, amount: float | None = None
) -> PerturbedMetrics:
    """Compute metrics from labels (0 or 1, both present) and logits (films,).

    `threshold` is the lowest logit predicted PNEUMONIA.
    """
    one_each = np.arange(len(labels))
    metrics = binary_metrics(labels, logits, predict(logits, threshold), one_each, n_bootstrap=0)
    accuracy, sensitivity, specificity, auc = (metrics[metric].value or 0.0 for metric in SHOWN_METRICS)
    return PerturbedMetrics(name, accuracy, sensitivity, specificity, auc, amount)


def check_criterion(unperturbed: PerturbedMetrics, perturbed: Sequence[PerturbedMetrics]) -> RobustnessCriterion:
    """Compare sensitivity and specificity under `IN_CRITERION` with unperturbed films."""
    counted = [metrics for metrics in perturbed if metrics.name in IN_CRITERION]
    changes = [
        [Change("sensitivity", each.name, unperturbed.sensitivity, each.sensitivity) for each in counted],
        [Change("specificity", each.name, unperturbed.specificity, each.specificity) for each in counted],
    ]
    worst = tuple(max(of_metric, key=lambda change: abs(change.by)) for of_metric in changes)
    return RobustnessCriterion(all(change.is_allowed for change in worst), worst)
