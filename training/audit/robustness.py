"""What a model reaches on films altered in one way, and whether it stays within what is promised over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.audit.corruptions import IN_CRITERION
from training.evaluation.metrics import binary_metrics

LARGEST_CHANGE = 0.03
"""By how much sensitivity and specificity may move over `IN_CRITERION`, at most."""

FIGURES = ("accuracy", "sensitivity", "specificity", "auc")
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class PerturbedMetrics:
    """What the model reaches on films that were altered in one way; `amount` where it is a step of an axis."""

    name: str
    accuracy: float
    sensitivity: float
    specificity: float
    auc: float
    amount: float | None = None


@dataclass(frozen=True)
class Change:
    """The furthest that a figure moves: at which view, from where to where, 0 to 1."""

    figure: Literal["sensitivity", "specificity"]
    view: str
    unaltered: float
    altered: float

    @property
    def by(self) -> float:
        """How far, with its sign."""
        return self.altered - self.unaltered

    @property
    def is_allowed(self) -> bool:
        """Whether it is `LARGEST_CHANGE` at most."""
        # A move of exactly 3 points must not fail by a rounding of the 17th digit.
        return abs(self.by) <= LARGEST_CHANGE + 1e-9


@dataclass(frozen=True)
class RobustnessCriterion:
    """Whether sensitivity and specificity stay within `LARGEST_CHANGE`, and the worst case of each."""

    is_kept: bool
    worst: tuple[Change, ...]


def measure_perturbed(
    name: str, labels: NDArray[np.uint8], logits: Logits, threshold: float, amount: float | None = None
) -> PerturbedMetrics:
    """Answer what a model reaches on films of both classes.

    Args:
        name: of the view.
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        logits: likewise.
        threshold: PNEUMONIA is said from this logit up.
        amount: see `PerturbedMetrics`.
    """
    figures = binary_metrics(labels, logits, logits >= threshold, np.arange(len(labels)), n_bootstrap=0)
    accuracy, sensitivity, specificity, auc = (figures[figure].value or 0.0 for figure in FIGURES)
    return PerturbedMetrics(name, accuracy, sensitivity, specificity, auc, amount)


def check_criterion(unaltered: PerturbedMetrics, views: Sequence[PerturbedMetrics]) -> RobustnessCriterion:
    """Tell whether sensitivity and specificity stay within `LARGEST_CHANGE` over the views named in `IN_CRITERION`."""
    promised = [view for view in views if view.name in IN_CRITERION]
    moves = [
        [Change("sensitivity", view.name, unaltered.sensitivity, view.sensitivity) for view in promised],
        [Change("specificity", view.name, unaltered.specificity, view.specificity) for view in promised],
    ]
    worst = tuple(max(of_figure, key=lambda move: abs(move.by)) for of_figure in moves)
    return RobustnessCriterion(all(move.is_allowed for move in worst), worst)
