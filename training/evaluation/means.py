"""Means over films, with intervals over resampled patients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Metric, resample

_RESAMPLES = 1000


def measure_mean(values: NDArray[Any], groups: NDArray[np.int64]) -> Metric:
    """Compute a mean with the 95 % percentile interval of a cluster bootstrap (Field and Welsh 2007).

    Patients are resampled; where something random was repeated, so are its repetitions, independently (the two-way
    bootstrap of Owen 2007, "The pigeonhole bootstrap").

    Args:
        values: (films,), or (repetitions, films). Films of which a value is not a number are left out.
        groups: the patient of each film.
    """
    table = np.atleast_2d(np.asarray(values, np.float64))
    is_defined = ~np.isnan(table).any(axis=0)
    return _measure(table[:, is_defined], np.ones(int(is_defined.sum())), groups[is_defined])


def measure_ratio(parts: NDArray[Any], wholes: NDArray[Any], groups: NDArray[np.int64]) -> Metric:
    """Compute the ratio of two sums over films, with an interval as `measure_mean`'s.

    Unlike a mean of ratios, it is not ruled by films whose whole is next to nothing. Resamples without a whole are
    dropped.

    Args:
        parts: (films,).
        wholes: (films,), 0 or more.
        groups: the patient of each film.
    """
    return _measure(np.asarray(parts, np.float64)[np.newaxis], np.asarray(wholes, np.float64), groups)


def _measure(table: NDArray[np.float64], wholes: NDArray[np.float64], groups: NDArray[np.int64]) -> Metric:
    """Measure the mean over repetitions of the sum of a table (repetitions, films), over the sum of `wholes`."""
    if not wholes.sum() > 0:
        return Metric(None, None, None, "undefined without films")
    repeats, value = len(table), float(table.mean(axis=0).sum() / wholes.sum())
    repeated = np.random.default_rng(1).multinomial(repeats, np.full(repeats, 1 / repeats), size=_RESAMPLES) / repeats
    ratios: list[NDArray[np.float64]] = []
    done = 0
    # All resamples at once would be 240 MB for 30,000 films.
    for weights in resample(np.unique(groups, return_inverse=True)[1], _RESAMPLES, 0):
        of_table = ((repeated[done : done + len(weights)] @ table) * weights).sum(axis=1)
        of_wholes = weights @ wholes
        ratios.append(of_table[of_wholes > 0] / of_wholes[of_wholes > 0])
        done += len(weights)
    low, high = np.percentile(np.concatenate(ratios), [2.5, 97.5])
    return Metric(value, float(min(low, value)), float(max(high, value)))
