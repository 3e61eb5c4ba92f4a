"""A named threshold keeps its promise on the films that it was chosen on, in every view."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.logit_sets import make_sets, sample_sets
from training.evaluation.operating_points import MARGIN, TARGET_RATE, choose_points

NAMES = ("high-sensitivity", "balanced", "high-specificity")


@pytest.fixture(scope="module")
def views():
    return sample_sets(600, slope=1.5)


def shares(views, threshold, label):
    """Share of a class that is called rightly, in each view."""
    return [np.mean((logits >= threshold)[views.labels == label] == label) for logits in views.logits.astype(float)]


def test_every_view_has_the_promised_sensitivity_and_the_next_threshold_has_not(views):
    """The highest threshold that keeps the promise."""
    threshold = choose_points(NAMES, views)["high-sensitivity"]
    assert min(shares(views, threshold, 1)) >= TARGET_RATE
    assert min(shares(views, threshold + 0.2, 1)) < TARGET_RATE


def test_every_view_has_the_promised_specificity_and_the_threshold_before_has_not(views):
    """The lowest threshold that keeps the promise."""
    threshold = choose_points(NAMES, views)["high-specificity"]
    assert min(shares(views, threshold, 0)) >= TARGET_RATE
    assert min(shares(views, threshold - 0.2, 0)) < TARGET_RATE


def test_one_hundred_films_may_miss_one():
    """0.99 of them are 99, whatever a float makes of 1 - 0.99."""
    views = make_sets([0] + [1] * 100, [-9.0, *range(100)])
    assert choose_points(("high-sensitivity",), views) == {"high-sensitivity": 0.5}


def test_balanced_has_the_highest_youden_over_all_views(views):
    """Brute force over all logits of all views finds no better; of one view it is the lowest of the best."""

    def youden(threshold):
        return np.mean(shares(views, threshold, 0)) + np.mean(shares(views, threshold, 1))

    chosen = choose_points(("balanced",), views)["balanced"]
    assert youden(chosen) >= max(youden(logit) for logit in views.logits.astype(float).ravel()) - 0.002
    alone = views.unperturbed
    assert choose_points(("balanced",), alone)["balanced"] == lowest_best_threshold(alone.labels, alone.logits[0])


def lowest_best_threshold(labels, logits):
    """Youden's, by brute force, halfway between two neighbouring logits."""
    distinct = np.unique(logits.astype(float))
    between = (distinct[:-1] + distinct[1:]) / 2

    def youden(threshold):
        said = logits.astype(float) >= threshold
        return round(said[labels == 1].mean() - said[labels == 0].mean(), 12)

    return max(between, key=lambda threshold: (youden(threshold), -threshold))


def test_balanced_is_the_best_and_stands_between_films():
    """Brute force over all thresholds finds none better, with ties among the logits too."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 200)
    logits = np.round(rng.normal(labels, 1.0), 1)

    def youden(threshold):
        said = logits >= threshold
        return said[labels == 1].mean() - said[labels == 0].mean()

    chosen = choose_points(("balanced",), make_sets(labels, logits))["balanced"]
    assert youden(chosen) == pytest.approx(max(youden(threshold) for threshold in logits))
    assert chosen not in logits


def test_the_points_stand_in_their_order(views):
    """Who is to be missed seldom is called pneumonia early."""
    points = choose_points(NAMES, views)
    assert points["high-sensitivity"] <= points["balanced"] <= points["high-specificity"]


def test_no_threshold_stands_where_rounding_could_move_a_film_over_it(views):
    """Between neighbours that are nearer than that none is chosen."""
    for threshold in choose_points(NAMES, views).values():
        assert np.abs(views.logits - threshold).min() >= 0.99 * MARGIN
    narrow = make_sets([0, 0, 1, 1], [0.0, 1.0, 1.00001, 2.0])
    assert choose_points(("balanced",), narrow)["balanced"] in (0.5, pytest.approx(1.5, abs=1e-4))


def test_no_threshold_from_one_class():
    """Choosing needs both classes."""
    with pytest.raises(ValueError, match="both classes"):
        choose_points(("balanced",), make_sets([1, 1, 1], [0.0, 1.0, 2.0]))
