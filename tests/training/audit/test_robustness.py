"""The robustness criterion allows three points, over its own perturbations, in both directions."""

from __future__ import annotations

import numpy as np
import pytest

from training.audit.corruptions import IN_CRITERION
from training.audit.robustness import PerturbedMetrics, check_criterion, measure_perturbed


def metrics(name: str, sensitivity: float = 0.95, specificity: float = 0.9) -> PerturbedMetrics:
    return PerturbedMetrics(name, 0.92, sensitivity, specificity, 0.98)


UNPERTURBED = metrics("unperturbed")


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "is_met"),
    [(0.95, 0.9, True), (0.92, 0.93, True), (0.919, 0.9, False), (0.981, 0.9, False), (0.95, 0.869, False)],
)
def test_three_points_are_allowed_and_more_are_not(sensitivity: float, specificity: float, is_met: bool) -> None:
    """Up counts as down does."""
    perturbed = [metrics(IN_CRITERION[0]), metrics(IN_CRITERION[1], sensitivity, specificity)]
    assert check_criterion(UNPERTURBED, perturbed).is_met is is_met


def test_the_worst_case_of_each_metric_is_named() -> None:
    """With its values before and after."""
    perturbed = [
        metrics(IN_CRITERION[2], 0.97, 0.9),
        metrics(IN_CRITERION[5], 0.94, 0.7),
        metrics(IN_CRITERION[8], 0.95, 0.99),
    ]
    first, second = check_criterion(UNPERTURBED, perturbed).worst
    assert (first.perturbation, round(first.by, 6), first.is_allowed) == (IN_CRITERION[2], 0.02, True)
    assert (second.perturbation, round(second.by, 6), second.is_allowed) == (IN_CRITERION[5], -0.2, False)
    assert (second.unperturbed, second.perturbed) == (0.9, 0.7)


def test_other_perturbations_do_not_count() -> None:
    """A film rotated by ten degrees is measured, and not part of the criterion."""
    assert check_criterion(UNPERTURBED, [metrics(IN_CRITERION[0]), metrics("rotated by 10°", 0.1, 0.1)]).is_met


def test_metrics_are_those_at_the_threshold() -> None:
    """Two of three positives are found, one of two negatives is a false positive; a logit on the threshold is found."""
    logits = np.array([-2, 1.5, 0.5, 1.0, 3], np.float32)
    found = measure_perturbed("x", np.array([0, 0, 1, 1, 1], np.uint8), logits, 1.0, 30.0)
    assert (found.name, found.amount) == ("x", 30.0)
    assert (found.accuracy, found.sensitivity) == pytest.approx((3 / 5, 2 / 3))
    assert (found.specificity, found.auc) == pytest.approx((1 / 2, 4 / 6))
