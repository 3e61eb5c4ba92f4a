"""Do the films of another site score as the training site's did? Two samples of logits, class by class → a verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.names import LABELS

SCORES_FILE = "validation_scores.json"
"""In an entry's folder: the logits of its validation films as sent, and their labels."""

FEWEST_PATIENTS = 20
"""Patients of a class under which nothing is said of its drift."""

LEVEL = 0.01
"""Error level of each test, of which a page makes four: two tests, two classes."""

MODERATE, STRONG = 0.10, 0.25
"""Population stability index from which a shift counts as moderate or strong (Siddiqi 2006, the usual marks)."""

_MOST_BINS = 10
_NORMAL_99 = 2.3263478740408408
Verdict = Literal["too few", "no drift", "slight", "moderate", "strong"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Logits of films and their labels, 0 or 1, both of shape (films,); `groups` are the films' patients."""

    logits: Floats
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class ClassDrift:
    """How the scores of one class differ from the training site's.

    Attributes:
        label: the class.
        patients: of this class here; the tests count them, not films, since the films of one are alike.
        statistic: of Kolmogorov and Smirnov, 0 to 1: the largest distance between the two cumulative shares.
        p_value: of it, asymptotic (Stephens 1970).
        noticeable: the smallest statistic that so few patients could have shown at `LEVEL`.
        stability: population stability index over bins of equal mass at the training site, less what chance adds.
        medians: of the logits, at the training site and here.
        verdict: "no drift" where neither test sees one; else how large it is by `stability`.
    """

    label: str
    patients: int
    statistic: float
    p_value: float
    noticeable: float
    stability: float
    medians: tuple[float, float]
    verdict: Verdict


def write_validation_scores(
    folder: Path, logits: NDArray[Any], labels: NDArray[Any], groups: NDArray[Any] | None = None
) -> None:
    """Keep the logits of an entry's validation films as sent, so that other sites can be compared with them.

    Args:
        folder: of the entry.
        logits: of shape (films,).
        labels: 0 or 1 (PNEUMONIA), likewise.
        groups: the patient of each film, likewise; None counts every film as one.
    """
    content: dict[str, list[Any]] = {
        "logits": [round(logit, 4) for logit in np.asarray(logits, np.float64).tolist()],
        "labels": np.asarray(labels, np.int64).tolist(),
    }
    if groups is not None:
        # Numbered anew: what identifies a patient elsewhere has no place in an entry.
        content["patients"] = np.unique(np.asarray(groups), return_inverse=True)[1].tolist()
    (folder / SCORES_FILE).write_text(json.dumps(content) + "\n")


def read_validation_scores(folder: Path) -> Scores | None:
    """Read what `write_validation_scores` wrote; None where an entry has no such file, or one that says nothing."""
    try:
        content = json.loads((folder / SCORES_FILE).read_bytes())
        logits = np.array(content["logits"], np.float64)
        labels = np.array(content["labels"], np.int64)
        groups = np.array(content.get("patients", range(logits.size)), np.int64)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    fits = logits.ndim == 1 and logits.shape == labels.shape == groups.shape and logits.size > 0
    return Scores(logits, labels, groups) if fits and np.isfinite(logits).all() else None


def measure_drift(training: Scores, here: Scores) -> list[ClassDrift]:
    """Compare the scores of each class that both sites have with the training site's."""
    return [
        _compare(label, _of_class(training, number), _of_class(here, number))
        for number, label in enumerate(LABELS)
        if np.any(training.labels == number) and np.any(here.labels == number)
    ]


def _compare(label: str, training: Scores, here: Scores) -> ClassDrift:
    patients, reference = len(np.unique(here.groups)), len(np.unique(training.groups))
    share = 1 / patients + 1 / reference
    statistic = _largest_distance(training.logits, here.logits)
    p_value = _kolmogorov(statistic, 1 / share)
    bins = int(min(_MOST_BINS, max(2, min(patients, reference) // 5)))
    found = _stability_index(training.logits, here.logits, bins)
    # Under no drift the index is distributed as (1/n + 1/m) times chi-square with bins - 1 degrees of freedom
    # (Yurdakul and Naranjo 2020): on few films it is large by chance.
    stability = max(0.0, found - share * (bins - 1))
    seen = p_value < LEVEL or found > share * _chi_square_99(bins - 1)
    verdict: Verdict = "no drift"
    if patients < FEWEST_PATIENTS or reference < FEWEST_PATIENTS:
        verdict = "too few"
    elif seen:
        verdict = "strong" if stability >= STRONG else "moderate" if stability >= MODERATE else "slight"
    medians = (float(np.median(training.logits)), float(np.median(here.logits)))
    noticeable = float(np.sqrt(-np.log(LEVEL / 2) / 2 * share))
    return ClassDrift(label, patients, statistic, p_value, min(1.0, noticeable), stability, medians, verdict)


def _of_class(scores: Scores, number: int) -> Scores:
    chosen = scores.labels == number
    return Scores(scores.logits[chosen], scores.labels[chosen], scores.groups[chosen])


def _largest_distance(first: Floats, second: Floats) -> float:
    every = np.concatenate([first, second])
    below = [np.searchsorted(np.sort(sample), every, side="right") / sample.size for sample in (first, second)]
    return float(np.max(np.abs(below[0] - below[1])))


def _kolmogorov(statistic: float, effective: float) -> float:
    """Answer the probability of so large a statistic without drift, for n·m/(n+m) = `effective` (Stephens 1970)."""
    root = np.sqrt(effective)
    scaled = (root + 0.12 + 0.11 / root) * statistic
    if scaled < 0.3:
        return 1.0  # the series converges slowly there, to 1
    k = np.arange(1, 101)
    return float(np.clip(2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * (k * scaled) ** 2)), 0, 1))


def _stability_index(training: Floats, here: Floats, bins: int) -> float:
    edges = np.quantile(training, np.linspace(0, 1, bins + 1)[1:-1])
    counts = [np.bincount(np.searchsorted(edges, sample), minlength=bins) for sample in (training, here)]
    # Half a film in every bin: an empty one would make the index infinite.
    expected, found = ((count + 0.5) / (count.sum() + bins / 2) for count in counts)
    return float(np.sum((found - expected) * np.log(found / expected)))


def _chi_square_99(degrees: int) -> float:
    """Answer its 99th percentile, within 1 % (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + _NORMAL_99 * np.sqrt(spread)) ** 3)
