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
    table, groups = table[:, is_defined], groups[is_defined]
    if not table.size:
        return Metric(None, None, None, "undefined without films")
    repeats, value = len(table), float(table.mean())
    repeated = np.random.default_rng(1).multinomial(repeats, np.full(repeats, 1 / repeats), size=_RESAMPLES) / repeats
    weights = np.concatenate(list(resample(np.unique(groups, return_inverse=True)[1], _RESAMPLES, 0)))
    means = ((repeated @ table) * weights).sum(axis=1) / weights.sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Metric(value, float(min(low, value)), float(max(high, value)))
