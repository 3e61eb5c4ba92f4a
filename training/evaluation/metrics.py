"""Labels and answers → the figures of binary classification, each with an interval; NumPy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
METRICS = ("accuracy", "sensitivity", "specificity", "f1", "auc", "brier", "ece")
ECE_BINS = 15
_CHUNK = 4_000_000
"""Weights held at a time while resampling: 32 MB."""

_Z_SQUARED = 3.8414588
"""Of a 95 % interval: the square of the normal distribution's 97.5th percentile."""


@dataclass(frozen=True)
class Metric:
    """A metric with its 95 % bootstrap interval; all None, and a note, where the films do not define it."""

    value: float | None
    low: float | None
    high: float | None
    note: str | None = None

    def __str__(self) -> str:
        """Return `value (low to high)`."""
        return self.format()

    def format(self, digits: int = 3) -> str:
        """Return `value (low to high)`; the value alone without an interval; the note, or a dash, without a value."""
        if self.value is None:
            return self.note or "–"
        if self.low is None or self.high is None:
            return self.format_value(digits)
        return f"{self.format_value(digits)} ({self.format_interval(digits)})"

    def format_value(self, digits: int = 3) -> str:
        """Return the value; a dash where there is none."""
        return "–" if self.value is None else f"{self.value:.{digits}f}"

    def format_interval(self, digits: int = 3) -> str:
        """Return `low to high`; the note, or nothing, without an interval."""
        if self.low is None or self.high is None:
            return self.note or ""
        return f"{self.low:.{digits}f} to {self.high:.{digits}f}"

    def to_json(self) -> dict[str, Any]:
        """Return it for `model.json`: rounded to 6 places, the note only where there is one."""
        fields = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}
        return fields if self.note else {key: value for key, value in fields.items() if key != "note"}


def binary_metrics(
    labels: NDArray[Any],
    probabilities: NDArray[Any],
    predicted: NDArray[Any],
    groups: NDArray[Any],
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Metric]:
    """Compute `METRICS`, each with the percentile interval over resampled patients.

    Patients, not films, are drawn with replacement, since the films of one are alike. A draw in which a figure is
    undefined is left out. Resampling makes any model look worse calibrated, so that the interval of the ECE may lie
    wholly above its value: it is then stretched down to it. And it never draws what was not seen: where all films are
    called rightly, or none, the interval is `widen`'s.

    Args:
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        probabilities: of PNEUMONIA, 0 to 1, likewise.
        predicted: whether PNEUMONIA was said, likewise.
        groups: the patient of each film, any values.
        n_bootstrap: how many draws.
        seed: the same seed draws alike.

    Raises:
        ValueError: the shapes differ, or there are no films.
    """
    y, p = np.asarray(labels, np.float64), np.asarray(probabilities, np.float64)
    said = np.asarray(predicted, np.float64)
    if not (y.ndim == 1 and y.size and y.shape == p.shape == said.shape == np.shape(groups)):
        raise ValueError(f"Expected four arrays of one length. Received {y.shape}, {p.shape}, {said.shape}.")
    order = np.argsort(p, kind="stable")
    y, p, said, member = y[order], p[order], said[order], np.unique(np.asarray(groups)[order], return_inverse=True)[1]
    value = {name: figures[0] for name, figures in _weighted(np.ones((1, y.size)), y, p, said).items()}
    draws: dict[str, list[Floats]] = {name: [] for name in METRICS}
    for weights in resample(member, n_bootstrap, seed):
        for name, figures in _weighted(weights, y, p, said).items():
            draws[name].append(figures)
    metrics = {name: _summarise(name, value[name], draws[name], y) for name in METRICS}
    if n_bootstrap:
        of = {"accuracy": y >= 0, "sensitivity": y == 1, "specificity": y == 0}
        metrics |= {name: widen(metrics[name], len(np.unique(member[films]))) for name, films in of.items()}
    return metrics


def widen(share: Metric, patients: int) -> Metric:
    """Give a share of exactly 0 or 1 the interval of Wilson (1927), with patients as trials; others stay as they are.

    Args:
        share: 0 to 1.
        patients: that it is a share of.
    """
    reach = _Z_SQUARED / (patients + _Z_SQUARED)
    if share.value == 1:
        return Metric(1.0, 1 - reach, 1.0)
    return Metric(0.0, 0.0, reach) if share.value == 0 else share


def resample(member: NDArray[np.intp], n_bootstrap: int, seed: int) -> Iterator[Floats]:
    """Yield film weights of shape (draws, films): how often each film's patient was drawn."""
    rng = np.random.default_rng(seed)
    patients = int(member.max()) + 1
    chunk = max(1, _CHUNK // max(member.size, patients))
    for start in range(0, n_bootstrap, chunk):
        draws = min(chunk, n_bootstrap - start)
        drawn = rng.integers(patients, size=(draws, patients)) + np.arange(draws)[:, np.newaxis] * patients
        counts = np.bincount(drawn.ravel(), minlength=draws * patients).reshape(draws, patients)
        yield counts[:, member].astype(np.float64)


def _weighted(weights: Floats, y: Floats, p: Floats, said: Floats) -> dict[str, Floats]:
    """Compute every metric for each row of weights (draws, films); films sorted by rising probability."""
    total = weights.sum(axis=1)
    positives, negatives = weights @ y, weights @ (1 - y)
    hits, false_alarms = weights @ (y * said), weights @ ((1 - y) * said)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": (hits + negatives - false_alarms) / total,
            "sensitivity": hits / positives,
            "specificity": 1 - false_alarms / negatives,
            "f1": np.where(positives > 0, 2 * hits / (positives + hits + false_alarms), np.nan),
            "auc": _auc(weights, y, p) / (positives * negatives),
            "brier": (weights @ (p - y) ** 2) / total,
            "ece": _ece(weights, y, p, total),
        }


def _auc(weights: Floats, y: Floats, p: Floats) -> Floats:
    """Count the pairs in which the sick film ranks above the healthy one; a tie counts half."""
    starts = np.flatnonzero(np.r_[True, np.diff(p) > 0])
    positive = np.add.reduceat(weights * y, starts, axis=1)
    negative = np.add.reduceat(weights * (1 - y), starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs: Floats = np.sum(positive * below, axis=1)
    return pairs


def _ece(weights: Floats, y: Floats, p: Floats, total: Floats) -> Floats:
    """Expected calibration error over `ECE_BINS` bins of equal mass (Nixon et al. 2019)."""
    middle = (np.cumsum(weights, axis=1) - weights / 2) / total[:, np.newaxis]
    rows = np.arange(len(weights))[:, np.newaxis] * ECE_BINS
    bins = (rows + np.minimum((middle * ECE_BINS).astype(np.intp), ECE_BINS - 1)).ravel()
    gaps = np.bincount(bins, weights=(weights * (p - y)).ravel(), minlength=len(weights) * ECE_BINS)
    error: Floats = np.abs(gaps.reshape(len(weights), ECE_BINS)).sum(axis=1) / total
    return error


def _summarise(name: str, value: float, draws: list[Floats], y: Floats) -> Metric:
    if np.isnan(value):
        missing = "PNEUMONIA" if y.sum() == 0 else "NORMAL"
        return Metric(None, None, None, f"{name} is undefined without films of {missing}")
    figures = np.concatenate(draws) if draws else np.array([])
    figures = figures[~np.isnan(figures)]
    if not figures.size:
        return Metric(float(value), None, None, "no interval: no draws")
    low, high = np.percentile(figures, [2.5, 97.5])
    return Metric(float(value), float(min(low, value)), float(max(high, value)))
