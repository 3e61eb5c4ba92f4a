"""Logit to probability to class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.inference.calibration import AbstentionBand, Calibration, Decision, decide

WEIGHTS = "ab" * 32
IDENTITY = Calibration(prevalence=0.5, weights_sha256=WEIGHTS)


def platt(slope: float = 2.0, intercept: float = -1.0, prevalence: float = 0.7) -> Calibration:
    return Calibration(method="platt", slope=slope, intercept=intercept, prevalence=prevalence, weights_sha256=WEIGHTS)


def decided(logit: float, threshold: float = 0.0, **rest: Any) -> Decision:
    rest = {"calibration": IDENTITY, "labels": ("NORMAL", "PNEUMONIA"), "operating_point": "point"} | rest
    return decide(logit, threshold_logit=threshold, **rest)


def test_identity_is_the_sigmoid() -> None:
    """Worked out by hand."""
    assert IDENTITY.probability(0.0) == 0.5
    assert IDENTITY.probability(math.log(3)) == pytest.approx(0.75, abs=1e-15)
    assert IDENTITY.probability(-math.log(3)) == pytest.approx(0.25, abs=1e-15)


def test_platt_is_the_sigmoid_of_a_line() -> None:
    """2 × 1.5 - 1 = 2."""
    assert platt().probability(1.5) == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-15)


@pytest.mark.parametrize(("logit", "expected"), [(1e4, 1.0), (-1e4, 0.0), (1e308, 1.0), (-1e308, 0.0)])
def test_huge_logits_overflow_nothing(logit: float, expected: float) -> None:
    assert (IDENTITY.probability(logit), platt().probability(logit, 0.01)) == (expected, expected)


def test_the_fitted_prevalence_shifts_nothing() -> None:
    for logit in np.linspace(-8, 8, 33):
        assert platt().probability(logit, 0.7) == platt().probability(logit)


def test_another_prevalence_multiplies_the_odds_by_the_ratio_of_the_prior_odds() -> None:
    """From 0.5 to 0.1, prior odds fall from 1 to 1/9, and odds of 3 to 1/3."""
    assert IDENTITY.probability(math.log(3), 0.1) == pytest.approx(0.25, abs=1e-15)
    fitted_at_80 = Calibration(prevalence=0.8, weights_sha256=WEIGHTS)
    assert fitted_at_80.probability(0.0, 0.5) == pytest.approx(0.2, abs=1e-15)


def test_probability_rises_with_the_logit() -> None:
    """Strictly, within float precision."""
    probabilities = [platt(0.3, 1.0).probability(logit, 0.02) for logit in np.linspace(-30, 30, 999)]
    assert all(np.diff(probabilities) > 0)


def test_a_logit_at_the_threshold_is_the_positive_class() -> None:
    """NORMAL just under it."""
    at, under = decided(0.4, 0.4), decided(math.nextafter(0.4, 0), 0.4)
    assert (at.label, under.label) == ("PNEUMONIA", "NORMAL")
    assert at.probability == at.threshold


def test_the_class_is_that_of_the_unrounded_probability_at_every_prevalence() -> None:
    """For thousands of random logits, thresholds and calibrations."""
    rng = np.random.default_rng(0)
    for _ in range(3000):
        logit, threshold = rng.normal(0, 3, 2)
        calibration = platt(rng.uniform(0.2, 3), rng.normal(), rng.uniform(0.01, 0.99))
        prevalence = None if rng.random() < 0.3 else rng.uniform(0.001, 0.999)
        decision = decided(logit, threshold, calibration=calibration, prevalence=prevalence)
        assert (decision.label == "PNEUMONIA") is (decision.probability >= decision.threshold)
        assert decision.label == decided(logit, threshold).label


def test_no_class_moves_with_the_prevalence() -> None:
    """Probability and threshold move together."""
    seldom, often = decided(0.3, 0.2, prevalence=0.01), decided(0.3, 0.2, prevalence=0.9)
    assert (seldom.label, often.label) == ("PNEUMONIA", "PNEUMONIA")
    assert seldom.threshold < seldom.probability < often.threshold < often.probability


@pytest.mark.parametrize(("logit", "refer"), [(-1.0, False), (-0.99, True), (0.0, True), (0.49, True), (0.5, False)])
def test_only_logits_strictly_inside_the_band_are_referred(logit: float, refer: bool) -> None:
    assert decided(logit, refer_band=AbstentionBand(-1.0, 0.5)).refer is refer


def test_without_a_band_nothing_is_referred() -> None:
    """Not even at the threshold."""
    assert decided(0.0).refer is False


@pytest.mark.parametrize(
    "changed",
    [
        {"slope": 0},
        {"slope": -1},
        {"slope": math.nan},
        {"slope": math.inf},
        {"intercept": math.nan},
        {"prevalence": 0},
        {"prevalence": 1},
        {"prevalence": math.nan},
        {"method": "isotonic"},
        {"unknown": 1},
    ],
)
def test_a_calibration_that_would_not_rise_is_refused(changed: dict[str, Any]) -> None:
    """It would swap the classes."""
    with pytest.raises(ValidationError):
        Calibration(**({"prevalence": 0.5, "weights_sha256": WEIGHTS} | changed))
