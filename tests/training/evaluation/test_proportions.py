"""Proportions and predictive values are those computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.metrics import binary_metrics
from training.evaluation.proportions import PREVALENCES, measure_proportions, predictive_values


def test_predictive_values_by_hand() -> None:
    """Sensitivity 0.9 and specificity 0.8, at 10 %: 0.09 of 0.27 predicted positive are, 0.72 of 0.73 negative."""
    labels = np.repeat([1, 0], [10, 10]).astype(np.uint8)
    predicted = np.array([True] * 9 + [False] + [True] * 2 + [False] * 8)
    values = predictive_values(labels, predicted, np.arange(20))
    assert list(values) == [f"{prevalence:g}" for prevalence in PREVALENCES]
    assert values["0.1"]["ppv"].value == pytest.approx(0.09 / 0.27)
    assert values["0.1"]["npv"].value == pytest.approx(0.72 / 0.73)
    assert values["0.1"]["ppv"].low < 0.09 / 0.27 < values["0.1"]["ppv"].high


def test_at_the_films_own_prevalence_they_are_the_proportions_counted() -> None:
    """Bayes' rule gives back what was counted."""
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 0], [62, 38]).astype(np.uint8)
    predicted = rng.random(100) < np.where(labels == 1, 0.8, 0.3)
    values = predictive_values(labels, predicted, np.arange(100))["0.62"]
    assert values["ppv"].value == pytest.approx(labels[predicted].mean())
    assert values["npv"].value == pytest.approx(1 - labels[~predicted].mean())


def test_proportions_resample_patients_as_the_metrics_do() -> None:
    """Accuracy as a proportion has the value and the interval that `binary_metrics` gives it."""
    rng = np.random.default_rng(2)
    labels, predicted, groups = rng.integers(0, 2, 90), rng.random(90) < 0.5, np.arange(90) // 3
    expected = binary_metrics(labels, predicted.astype(float), predicted, groups)["accuracy"]
    found = measure_proportions({"accuracy": (predicted == labels, np.ones(90, bool))}, groups)["accuracy"]
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_a_proportion_of_no_films_is_undefined() -> None:
    """With a note, and no warning of NumPy's."""
    none = np.zeros(4, bool)
    found = measure_proportions({"referred": (none, none)}, np.arange(4))["referred"]
    assert found.value is None
    assert "proportion of no films" in found.note
    negative = predictive_values(np.zeros(4, np.uint8), none, np.arange(4))
    assert negative["0.02"]["ppv"].value is None
