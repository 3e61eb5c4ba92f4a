"""Labels and predictions → metrics of binary classification, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.record import Estimate

Floats = NDArray[np.float64]
METRICS = ("accuracy", "sensitivity", "specificity", "f1", "auc", "brier", "ece")
ECE_BINS = 15

_CHUNK = 4_000_000
"""Weights held at once while resampling: 32 MB."""


@dataclass(frozen=True)
class Metric:
    """A metric with its 95 % bootstrap interval; where undefined, all None and a note."""

    value: float | None
    low: float | None
    high: float | None
    note: str | None = None

    def __str__(self) -> str:
        return self.format()

    def format(self, digits: int = 3) -> str:
        """Return `value (low to high)`; without an interval the value; without a value the note or a dash."""
        if self.value is None:
            return self.note or "–"
        if self.low is None or self.high is None:
            return self.format_value(digits)
        return f"{self.format_value(digits)} ({self.format_interval(digits)})"

    def format_value(self, digits: int = 3) -> str:
        """Return the value, or a dash."""
        return "–" if self.value is None else f"{self.value:.{digits}f}"

    def format_interval(self, digits: int = 3) -> str:
        """Return `low to high`; else the note or nothing."""
        if self.low is None or self.high is None:
            return self.note or ""
        return f"{self.low:.{digits}f} to {self.high:.{digits}f}"

    def to_record(self) -> Estimate:
        """Return it for `model.json`, rounded to 6 places."""
        value, low, high = (None if end is None else round(end, 6) for end in (self.value, self.low, self.high))
        note = {"note": self.note} if self.note else {}
        return Estimate(value=value, low=low, high=high, **note)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return self.to_record().model_dump()


def binary_metrics(
    labels: NDArray[Any],
    probabilities: NDArray[Any],
    predicted: NDArray[Any],
    groups: NDArray[Any],
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Metric]:
    """Compute `METRICS`, each with the percentile interval of a cluster bootstrap (Field and Welsh 2007).

    Patients are resampled, since films of one are alike. Resamples that leave a metric undefined are dropped.
    Resampling only raises the ECE: an interval wholly above its value is extended down to it. For 0 and 1, see `widen`.

    Args:
        labels: 0 or 1 (PNEUMONIA), (films,).
        probabilities: of PNEUMONIA, (films,).
        predicted: PNEUMONIA or not, (films,).
        groups: patients, (films,).
        n_bootstrap: resamples.
        seed: of the resampling.

    Raises:
        ValueError: shapes differ, or there are no films.
    """
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    called = np.asarray(predicted, np.float64)
    if not (y.ndim == 1 and y.size and y.shape == p.shape == called.shape == np.shape(groups)):
        raise ValueError(f"Expected four arrays of one length. Received {y.shape}, {p.shape}, {called.shape}.")
    order = np.argsort(p, kind="stable")
    y, p, called, member = (
        y[order],
        p[order],
        called[order],
        np.unique(np.asarray(groups)[order], return_inverse=True)[1],
    )
    value = {name: values[0] for name, values in _weighted(np.ones((1, y.size)), y, p, called).items()}
    resampled: dict[str, list[Floats]] = {name: [] for name in METRICS}
    for weights in resample(member, n_bootstrap, seed):
        for name, values in _weighted(weights, y, p, called).items():
            resampled[name].append(values)
    metrics = {name: _summarise(name, value[name], resampled[name], y) for name in METRICS}
    if n_bootstrap:
        of = {"accuracy": y >= 0, "sensitivity": y == 1, "specificity": y == 0}
        metrics |= {name: widen(metrics[name], len(np.unique(member[films]))) for name, films in of.items()}
    return metrics


def widen(proportion: Metric, patients: int) -> Metric:
    """Give a proportion of 0 or 1 Wilson's interval (1927), with patients as trials.

    A bootstrap's would be a point.
    """
    if proportion.value not in (0.0, 1.0):
        return proportion
    # SciPy takes half a second to import.
    from scipy.stats import binomtest

    interval = binomtest(int(proportion.value) * patients, patients).proportion_ci(0.95, method="wilson")
    return Metric(proportion.value, float(interval.low), float(interval.high))


def resample(member: NDArray[np.intp], n_bootstrap: int, seed: int) -> Iterator[Floats]:
    """Yield weights (resamples, films): how often each film's patient was sampled."""
    rng = np.random.default_rng(seed)
    patients = int(member.max()) + 1
    chunk = max(1, _CHUNK // max(member.size, patients))
    for start in range(0, n_bootstrap, chunk):
        rows = min(chunk, n_bootstrap - start)
        sampled = rng.integers(patients, size=(rows, patients)) + np.arange(rows)[:, np.newaxis] * patients
        counts = np.bincount(sampled.ravel(), minlength=rows * patients).reshape(rows, patients)
        yield counts[:, member].astype(np.float64)


def bin_by_mass(position: Floats) -> NDArray[np.intp]:
    """Return bins of equal mass, 0 to `ECE_BINS` - 1, of films sorted by probability.

    `position` is the proportion of films below each one's middle, 0 to 1.
    """
    return np.minimum((position * ECE_BINS).astype(np.intp), ECE_BINS - 1)


def _weighted(weights: Floats, y: Floats, p: Floats, called: Floats) -> dict[str, Floats]:
    """Compute metrics for each row of weights (resamples, films), of rising probabilities."""
    total = weights.sum(axis=1)
    positives, negatives = weights @ y, weights @ (1 - y)
    true_positives, false_positives = weights @ (y * called), weights @ ((1 - y) * called)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (true_positives + negatives - false_positives) / total,
            "sensitivity": true_positives / positives,
            "specificity": 1 - false_positives / negatives,
            "f1": np.where(positives > 0, 2 * true_positives / (positives + true_positives + false_positives), np.nan),
            "auc": _auc(weights, y, p) / (positives * negatives),
            "brier": (weights @ (p - y) ** 2) / total,
            "ece": _ece(weights, y, p, total),
        }


def _auc(weights: Floats, y: Floats, p: Floats) -> Floats:
    """Count pairs whose positive film ranks higher; a tie counts half."""
    starts = np.flatnonzero(np.r_[True, np.diff(p) > 0])
    positive = np.add.reduceat(weights * y, starts, axis=1)
    negative = np.add.reduceat(weights * (1 - y), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs: Floats = np.sum(positive * below, axis=1)
    return pairs


def _ece(weights: Floats, y: Floats, p: Floats, total: Floats) -> Floats:
    """Compute expected calibration errors over bins of equal mass (Nixon et al. 2019)."""
    middle = (np.cumsum(weights, axis=1) - weights / 2) / total[:, np.newaxis]
    rows = np.arange(len(weights))[:, np.newaxis] * ECE_BINS
    bins = (rows + bin_by_mass(middle)).ravel()
    gaps = np.bincount(bins, weights=(weights * (p - y)).ravel(), minlength=len(weights) * ECE_BINS)
    error: Floats = np.abs(gaps.reshape(len(weights), ECE_BINS)).sum(axis=1) / total
    return error


def _summarise(name: str, value: float, resampled: list[Floats], y: Floats) -> Metric:
    if np.isnan(value):
        missing = "PNEUMONIA" if y.sum() == 0 else "NORMAL"
        return Metric(None, None, None, f"{name} is undefined without films of {missing}")
    defined = np.concatenate(resampled) if resampled else np.array([])
    defined = defined[~np.isnan(defined)]
    if not defined.size:
        return Metric(float(value), None, None, "no interval: no resamples")
    low, high = np.percentile(defined, [2.5, 97.5])
    return Metric(float(value), float(min(low, value)), float(max(high, value)))
