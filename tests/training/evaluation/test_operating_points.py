"""A named threshold has its rate in every set that it was chosen on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.logit_sets import make_sets, sample_sets
from training.evaluation.operating_points import MARGIN, TARGET_RATE, choose_points

NAMES = ("high-sensitivity", "balanced", "high-specificity")


SETS = sample_sets(600, slope=1.5)


def rates(threshold: float, label: int) -> list[float]:
    """Return the proportion of a class predicted correctly, in each set."""
    return [np.mean((logits >= threshold)[SETS.labels == label] == label) for logits in SETS.logits.astype(float)]


def test_every_set_has_the_target_sensitivity_and_the_next_threshold_has_not() -> None:
    threshold = choose_points(NAMES, SETS)["high-sensitivity"]
    assert min(rates(threshold, 1)) >= TARGET_RATE
    assert min(rates(threshold + 0.2, 1)) < TARGET_RATE


def test_every_set_has_the_target_specificity_and_the_threshold_before_has_not() -> None:
    threshold = choose_points(NAMES, SETS)["high-specificity"]
    assert min(rates(threshold, 0)) >= TARGET_RATE
    assert min(rates(threshold - 0.2, 0)) < TARGET_RATE


def test_one_of_a_hundred_films_may_be_wrong() -> None:
    """0.99 of them are 99, whatever a float makes of 1 - 0.99."""
    sets = make_sets([0] + [1] * 100, [-9.0, *range(100)])
    assert choose_points(("high-sensitivity",), sets) == {"high-sensitivity": 0.5}
    mirrored = make_sets([1] + [0] * 100, [9.0, *range(-99, 1)])
    assert choose_points(("high-specificity",), mirrored) == {"high-specificity": -0.5}


def test_balanced_has_the_highest_youden_over_all_sets() -> None:
    """By brute force; of one set it is the lowest of the best."""

    def youden(threshold: float) -> float:
        return np.mean(rates(threshold, 0)) + np.mean(rates(threshold, 1))

    chosen = choose_points(("balanced",), SETS)["balanced"]
    assert youden(chosen) >= max(youden(logit) for logit in SETS.logits.astype(float).ravel()) - 0.002
    alone = SETS.unperturbed
    assert choose_points(("balanced",), alone)["balanced"] == lowest_best_threshold(alone.labels, alone.logits[0])


def lowest_best_threshold(labels: NDArray[np.uint8], logits: NDArray[np.float32]) -> float:
    """Find Youden's by brute force, halfway between neighbouring logits."""
    distinct = np.unique(logits.astype(float))
    between = (distinct[:-1] + distinct[1:]) / 2

    def youden(threshold: float) -> float:
        predicted = logits.astype(float) >= threshold
        return round(predicted[labels == 1].mean() - predicted[labels == 0].mean(), 12)

    return max(between, key=lambda threshold: (youden(threshold), -threshold))


def test_balanced_is_the_best_and_stands_between_films() -> None:
    """By brute force, with ties."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 200)
    logits = np.round(rng.normal(labels, 1.0), 1)

    def youden(threshold: float) -> float:
        predicted = logits >= threshold
        return predicted[labels == 1].mean() - predicted[labels == 0].mean()

    chosen = choose_points(("balanced",), make_sets(labels.tolist(), logits.tolist()))["balanced"]
    assert youden(chosen) == pytest.approx(max(youden(threshold) for threshold in logits))
    assert chosen not in logits


def test_the_points_stand_in_their_order() -> None:
    """A higher sensitivity has a lower threshold."""
    points = choose_points(NAMES, SETS)
    assert points["high-sensitivity"] <= points["balanced"] <= points["high-specificity"]


def test_no_threshold_lies_where_rounding_could_move_a_film_over_it() -> None:
    """None lies between neighbours that are nearer than that."""
    for threshold in choose_points(NAMES, SETS).values():
        assert np.abs(SETS.logits - threshold).min() >= 0.99 * MARGIN
    narrow = make_sets([0, 0, 1, 1], [0.0, 1.0, 1.00001, 2.0])
    assert choose_points(("balanced",), narrow)["balanced"] in (0.5, pytest.approx(1.5, abs=1e-4))


def test_no_threshold_from_one_class() -> None:
    with pytest.raises(ValueError, match="both classes"):
        choose_points(("balanced",), make_sets([1, 1, 1], [0.0, 1.0, 2.0]))
