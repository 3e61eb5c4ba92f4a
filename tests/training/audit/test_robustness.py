"""The promise is kept up to three points, over what was promised, in both directions."""

from __future__ import annotations

import numpy as np
import pytest

from training.audit.corruptions import IN_CRITERION
from training.audit.robustness import PerturbedMetrics, check_criterion, measure_perturbed


def view(name, sensitivity=0.95, specificity=0.9):
    return PerturbedMetrics(name, 0.92, sensitivity, specificity, 0.98)


UNPERTURBED = view("unaltered")


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "is_kept"),
    [(0.95, 0.9, True), (0.92, 0.93, True), (0.919, 0.9, False), (0.981, 0.9, False), (0.95, 0.869, False)],
)
def test_three_points_are_kept_and_more_are_not(sensitivity, specificity, is_kept):
    """Up counts as down does."""
    views = [view(IN_CRITERION[0]), view(IN_CRITERION[1], sensitivity, specificity)]
    assert check_criterion(UNPERTURBED, views).is_kept is is_kept


def test_the_worst_case_of_each_figure_is_named():
    """With where it came from and where it went."""
    views = [
        view(IN_CRITERION[2], 0.97, 0.9),
        view(IN_CRITERION[5], 0.94, 0.7),
        view(IN_CRITERION[8], 0.95, 0.99),
    ]
    sensitivity, specificity = check_criterion(UNPERTURBED, views).worst
    assert (sensitivity.view, round(sensitivity.by, 6), sensitivity.is_allowed) == (
        IN_CRITERION[2],
        0.02,
        True,
    )
    assert (specificity.view, round(specificity.by, 6), specificity.is_allowed) == (
        IN_CRITERION[5],
        -0.2,
        False,
    )
    assert (specificity.unaltered, specificity.altered) == (0.9, 0.7)


def test_nothing_else_breaks_it():
    """A film rotated by ten degrees is looked at, and not promised."""
    assert check_criterion(UNPERTURBED, [view(IN_CRITERION[0]), view("rotated by 10°", 0.1, 0.1)]).is_kept


def test_a_view_is_measured_at_the_threshold():
    """Two of three sick films are found, one of two healthy ones is let through, and five of six pairs are in order."""
    seen = measure_perturbed(
        "x", np.array([0, 0, 1, 1, 1], np.uint8), np.array([-2, 1, 0.5, 2, 3], np.float32), 1.0, 30.0
    )
    assert (seen.name, seen.amount) == ("x", 30.0)
    assert (seen.accuracy, seen.sensitivity) == pytest.approx((3 / 5, 2 / 3))
    assert (seen.specificity, seen.auc) == pytest.approx((1 / 2, 5 / 6))
