"""The refer band keeps its promise on the films that it was chosen on, and its figures are those of the rest."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def views():
    return sample_sets(800, slope=2.0)


def test_the_rest_is_as_accurate_as_promised_and_enough_is_referred(views):
    """On the altered films together, and on those as sent."""
    band = choose_band(views, 0.1)
    assert (band.low + band.high) / 2 == pytest.approx(0.1)
    for part in (views.unperturbed, views.perturbed):
        found = measure_abstention(part, 0.1, band)
        assert found["accuracy"].value >= WANTED_ACCURACY
        assert found["referred"].value >= LEAST_REFERRED


def test_no_narrower_band_keeps_the_promise(views):
    """A twentieth off its width breaks it."""
    band = choose_band(views, 0.1)
    half = 0.475 * (band.high - band.low)
    found = [
        measure_abstention(part, 0.1, AbstentionBand(0.1 - half, 0.1 + half))
        for part in (views.unperturbed, views.perturbed)
    ]
    assert any(f["accuracy"].value < WANTED_ACCURACY or f["referred"].value < LEAST_REFERRED for f in found)


def test_a_perfect_model_refers_the_least_all_the_same():
    """The films nearest to its threshold."""
    logits = list(np.linspace(-3, 3, 100))
    views = make_sets([int(z > 0) for z in logits], logits, logits)
    found = measure_abstention(views.unperturbed, 0.0, choose_band(views, 0.0))
    assert LEAST_REFERRED <= found["referred"].value <= LEAST_REFERRED + 0.02
    assert found["accuracy"].value == 1


def test_there_is_no_band_where_none_keeps_the_promise(views):
    """A model that guesses has none, and neither has a cross-fit of it."""
    guesses = replace(views, labels=np.random.default_rng(0).integers(0, 2, 800).astype(np.uint8))
    assert choose_band(guesses, 0.1) is None
    assert cross_fit_band(guesses, "half") is None


def test_referral_by_hand():
    """Eight films: two inside the band, one of the rest wrong."""
    views = make_sets([0, 0, 0, 1, 0, 1, 1, 1], [-4, -3, 3, -0.5, 0.5, 2, 3, 4])
    found = measure_abstention(views, 0.0, AbstentionBand(-1.0, 1.0))
    values = {name: metric.value for name, metric in found.items()}
    assert values == pytest.approx({"referred": 2 / 8, "accuracy": 5 / 6, "sensitivity": 1.0, "specificity": 2 / 3})


def test_films_on_the_ends_of_the_band_are_answered():
    """As the service decides it: strictly inside is referred."""
    found = measure_abstention(make_sets([0, 1, 1], [-1.0, 0.0, 1.0]), 0.0, AbstentionBand(-1.0, 1.0))
    assert found["referred"].value == pytest.approx(1 / 3)


def test_left_out_patients_are_referred_by_a_band_that_was_chosen_without_them(views):
    """Its figures are near the promise, for the films as sent and for the altered ones."""
    found = cross_fit_band(views, "balanced")
    assert set(found) == {"as_sent", "altered"}
    assert all(part["accuracy"].value > WANTED_ACCURACY - 0.02 for part in found.values())


def test_accuracy_rises_as_coverage_falls(views):
    """From that of all films to that of the surest half; by hand for four."""
    curve = risk_coverage(views.unperturbed, 0.0)
    everything = np.mean((views.logits[0] >= 0) == views.labels)
    assert curve["coverage"] == list(COVERAGES)
    assert curve["accuracy"][0] == pytest.approx(everything, abs=1e-6)
    assert curve["accuracy"][-1] > everything
    by_hand = risk_coverage(make_sets([1, 0, 1, 0], [-0.1, -4, 3, 1]), 0.0)
    assert [by_hand["accuracy"][0], by_hand["accuracy"][10], by_hand["accuracy"][-1]] == pytest.approx([0.5, 2 / 3, 1])
