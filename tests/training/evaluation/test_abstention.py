"""The abstention band meets its conditions on the films that it was chosen on; metrics are those of answered films."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from app.inference.calibration import AbstentionBand
from tests.training.logit_sets import make_sets, sample_sets
from training.evaluation.abstention import (
    COVERAGES,
    LEAST_REFERRED,
    WANTED_ACCURACY,
    choose_band,
    cross_fit_band,
    measure_abstention,
    risk_coverage,
)
from training.evaluation.perturbed_sets import PerturbedSets

SETS = sample_sets(800, slope=2.0)


def rank_films(count: int, wrong: Collection[int]) -> PerturbedSets:
    """Make films at distances 1 to `count` from threshold 0, on either side in turn; `wrong` ones are mislabelled."""
    logits = [rank * (-1.0) ** rank for rank in range(1, count + 1)]
    labels = [int((logit > 0) != (rank in wrong)) for rank, logit in enumerate(logits, 1)]
    return make_sets(labels, logits)


def test_answered_films_are_accurate_and_enough_are_referred() -> None:
    """On the perturbed films together, and on the unperturbed ones."""
    band = choose_band(SETS, 0.1)
    assert (band.low + band.high) / 2 == pytest.approx(0.1)
    for part in (SETS.unperturbed, SETS.perturbed):
        found = measure_abstention(part, 0.1, band)
        assert found["accuracy"].value >= WANTED_ACCURACY
        assert found["referred"].value >= LEAST_REFERRED


def test_no_narrower_band_meets_the_conditions() -> None:
    """A twentieth off its width is too much."""
    band = choose_band(SETS, 0.1)
    half = 0.475 * (band.high - band.low)
    narrower = AbstentionBand(0.1 - half, 0.1 + half)
    found = [measure_abstention(part, 0.1, narrower) for part in (SETS.unperturbed, SETS.perturbed)]
    assert any(f["accuracy"].value < WANTED_ACCURACY or f["referred"].value < LEAST_REFERRED for f in found)


@pytest.mark.parametrize(("films", "referred"), [(20, 1), (21, 2)])
def test_a_perfect_model_refers_the_least_proportion_exactly(films: int, referred: int) -> None:
    """One film of twenty is 5 %; one of 21 is less."""
    assert choose_band(rank_films(films, ()), 0.0) == AbstentionBand(-referred - 0.5, referred + 0.5)


def test_half_of_the_films_may_be_referred_and_two_percent_of_the_others_wrong() -> None:
    """Both limits are allowed: 50 of 100 films are referred, 49 of the others are right."""
    assert choose_band(rank_films(100, {50, 100}), 0.0) == AbstentionBand(-50.5, 50.5)


def test_there_is_no_band_that_refers_more_than_half() -> None:
    """Referring 51 of 100 films would leave one wrong, and 52 none; referring 50 leaves two."""
    assert choose_band(rank_films(100, {51, 52, *range(20, 50)}), 0.0) is None


def test_there_is_no_band_where_none_meets_the_conditions() -> None:
    """A model that guesses has none, and neither has a cross-fit of it."""
    guesses = replace(SETS, labels=np.random.default_rng(0).integers(0, 2, 800).astype(np.uint8))
    assert choose_band(guesses, 0.1) is None
    assert cross_fit_band(guesses, "half") is None


def test_abstention_by_hand() -> None:
    """Eight films: two inside the band, one of the answered ones wrong."""
    sets = make_sets([0, 0, 0, 1, 0, 1, 1, 1], [-4, -3, 3, -0.5, 0.5, 2, 3, 4])
    found = measure_abstention(sets, 0.0, AbstentionBand(-1.0, 1.0))
    values = {name: metric.value for name, metric in found.items()}
    assert values == pytest.approx({"referred": 2 / 8, "accuracy": 5 / 6, "sensitivity": 1.0, "specificity": 2 / 3})


def test_films_on_the_ends_of_the_band_are_answered() -> None:
    """As the service decides it: strictly inside is referred."""
    found = measure_abstention(make_sets([0, 1, 1], [-1.0, 0.0, 1.0]), 0.0, AbstentionBand(-1.0, 1.0))
    assert found["referred"].value == pytest.approx(1 / 3)


def test_a_film_on_the_threshold_is_positive() -> None:
    """As the service decides it."""
    found = measure_abstention(make_sets([0, 1], [-3.0, 1.0]), 1.0, AbstentionBand(-2.0, 0.5))
    assert found["accuracy"].value == 1
    assert risk_coverage(make_sets([0, 1], [-3.0, 1.0]), 1.0)["accuracy"][0] == 1


def test_patients_left_out_are_referred_by_a_band_that_was_chosen_without_them() -> None:
    """Accuracy is near the wanted one, unperturbed and perturbed."""
    found = cross_fit_band(SETS, "balanced")
    assert set(found) == {"unperturbed", "perturbed"}
    assert all(part["accuracy"].value > WANTED_ACCURACY - 0.02 for part in found.values())


def test_accuracy_rises_as_coverage_falls() -> None:
    """From that of all films to that of the farthest half; by hand for four."""
    curve = risk_coverage(SETS.unperturbed, 0.0)
    everything = np.mean((SETS.logits[0] >= 0) == SETS.labels)
    assert curve["coverage"] == list(COVERAGES)
    assert curve["accuracy"][0] == pytest.approx(everything, abs=1e-6)
    assert curve["accuracy"][-1] > everything
    by_hand = risk_coverage(make_sets([1, 0, 1, 0], [-0.1, -4, 3, 1]), 0.0)
    assert [by_hand["accuracy"][0], by_hand["accuracy"][10], by_hand["accuracy"][-1]] == pytest.approx([0.5, 2 / 3, 1])
