"""Drift is reported where either test is significant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from training.evaluation.drift import ClassDrift, Scores, measure_drift

EVEN = np.full(10, 40)
"""Films in each tenth of the scores, 0 to 1."""


def spread(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return scores with so many films, evenly spaced, in each tenth."""
    return np.concatenate([(np.arange(count) + 0.5) / count / 10 + tenth / 10 for tenth, count in enumerate(counts)])


def compare(training: NDArray[np.float64], here: NDArray[np.float64]) -> ClassDrift:
    """Return the drift of films of PNEUMONIA, one a patient."""
    sites = [Scores(scores, np.ones(scores.size, np.int64), np.arange(scores.size)) for scores in (training, here)]
    (drift,) = measure_drift(*sites)
    return drift


def test_the_p_value_is_near_the_exact_one() -> None:
    """Stephens' approximation, on few films."""
    rng = np.random.default_rng(1)
    training, here = rng.normal(0, 1, 30), rng.normal(0.5, 1, 40)
    exact = ks_2samp(training, here, method="exact")
    drift = compare(training, here)
    assert drift.statistic == pytest.approx(exact.statistic)
    assert drift.p_value == pytest.approx(exact.pvalue, rel=0.1)


def test_a_shift_that_the_index_overlooks_is_drift() -> None:
    """The lower half of the scores is more frequent by 30 %: the cumulative distributions differ significantly."""
    drift = compare(spread(EVEN), spread(np.repeat([52, 28], 5)))
    assert (drift.p_value < 0.01, drift.verdict) == (True, "slight")


def test_a_change_that_the_cumulative_distribution_overlooks_is_drift() -> None:
    """Every other tenth is more frequent by 40 %: the index is significant."""
    drift = compare(spread(EVEN), spread(np.tile([56, 24], 5)))
    assert (drift.p_value > 0.5, drift.verdict) == (True, "moderate")


def test_a_small_change_of_both_is_none() -> None:
    """Every other tenth is more frequent by 20 %, as chance would have it on so few films."""
    assert compare(spread(EVEN), spread(np.tile([48, 32], 5))).verdict == "no drift"
