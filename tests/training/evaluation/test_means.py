"""Means have intervals over patients, and over repetitions where there are some."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from training.evaluation.means import measure_mean, measure_ratio

VALUES = np.random.default_rng(5).normal(size=200)
ALONE = np.arange(200)


def width(*arguments: np.ndarray) -> float:
    mean = measure_mean(*arguments)
    return mean.high - mean.low


def test_the_interval_is_that_of_a_mean() -> None:
    """Of independent films: 2 × 1.96 standard errors."""
    mean = measure_mean(VALUES, ALONE)
    assert mean.value == pytest.approx(VALUES.mean())
    assert mean.low < mean.value < mean.high
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * VALUES.std() / np.sqrt(200), rel=0.1)


def test_films_of_one_patient_count_as_one() -> None:
    """Ten copies of twenty films are no more evidence than the twenty."""
    assert width(np.repeat(VALUES[:20], 10), np.repeat(ALONE[:20], 10)) == pytest.approx(
        width(VALUES[:20], ALONE[:20]), rel=1e-9
    )


def test_repetitions_are_resampled_too() -> None:
    """Where only they vary, the interval is theirs."""
    repeated = np.repeat(VALUES[:8, np.newaxis], 200, axis=1)
    mean = measure_mean(repeated, ALONE)
    assert mean.value == pytest.approx(VALUES[:8].mean())
    assert mean.high - mean.low == pytest.approx(2 * 1.96 * VALUES[:8].std() / np.sqrt(8), rel=0.15)


def test_films_without_a_value_are_left_out() -> None:
    """Where none is left, a note says so."""
    holed = np.where(ALONE % 2, np.nan, VALUES)
    assert measure_mean(holed, ALONE) == measure_mean(VALUES[::2], ALONE[::2])
    assert measure_mean(np.full(3, np.nan), ALONE[:3]).note == "undefined without films"


def test_a_ratio_is_of_sums() -> None:
    """A mean of ratios would be 0.5; with wholes of 1 it is the mean, and so is its interval."""
    ratio = measure_ratio(np.array([1.0, 0.0, 0.0]), np.array([1.0, 3.0, 0.0]), ALONE[:3])
    assert (ratio.value, ratio.low, ratio.high) == (0.25, 0.0, 1.0)
    assert measure_ratio(VALUES, np.ones(200), ALONE) == measure_mean(VALUES, ALONE)
    assert measure_ratio(np.zeros(3), np.zeros(3), ALONE[:3]).note == "undefined without films"


def test_the_mean_of_many_films_needs_little_memory() -> None:
    """All resamples of 30,000 films at once would take 240 MB."""
    tracemalloc.start()
    measure_mean(np.ones(30_000), np.arange(30_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000_000
