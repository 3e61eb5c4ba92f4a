"""Reliability diagrams and ROC curves agree with the metrics and with counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.curves import reliability, roc
from training.evaluation.metrics import ECE_BINS, binary_metrics


@pytest.mark.parametrize("films", [7, 15, 100, 101])
def test_the_bins_are_those_of_the_ece(films: int) -> None:
    """The mean distance of the points from the diagonal, weighted by films, is the ECE."""
    rng = np.random.default_rng(films)
    probabilities = rng.random(films)
    labels = (rng.random(films) < probabilities).astype(np.uint8)
    predicted, observed, chosen = reliability(labels, probabilities)
    assert len(predicted) == min(films, ECE_BINS)
    assert sorted(np.concatenate(chosen).tolist()) == list(range(films))
    ece = np.sum(np.abs(predicted - observed) * [len(bin_) for bin_ in chosen]) / films
    expected = binary_metrics(labels, probabilities, probabilities > 0.5, np.arange(films), n_bootstrap=0)["ece"]
    assert ece == pytest.approx(expected.value)


def test_the_roc_rises_from_no_film_to_all() -> None:
    """By hand: the highest score is positive, the next negative, the lowest positive."""
    curve = roc(np.array([1, 0, 1], np.uint8), np.array([3.0, 2.0, 1.0]))
    assert curve is not None
    points = list(zip(curve.false_positive_rate.tolist(), curve.sensitivity.tolist(), strict=True))
    assert points == [(0, 0), (0, 0.5), (1, 0.5), (1, 1)]


def test_one_class_has_no_roc() -> None:
    """Half of it would be undefined."""
    assert roc(np.array([1, 1], np.uint8), np.array([0.1, 0.2])) is None
