"""Means have intervals over patients, and over repetitions where there are some."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.means import measure_mean

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
