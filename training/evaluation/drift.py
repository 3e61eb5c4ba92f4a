"""Drift: does another site's score distribution differ, class by class, from the training site's?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.inference.score_drift import SCORES_FILE, proportions, stability_index
from app.names import LABELS

FEWEST_PATIENTS = 20
"""Patients of a class below which no drift is reported."""

LEVEL = 0.01
"""Significance level of each of a page's four tests: two, of two classes."""

MODERATE, STRONG = 0.10, 0.25
"""Population stability index from which a shift is moderate or strong (Siddiqi 2006)."""

_MOST_BINS = 10
Verdict = Literal["too few", "no drift", "slight", "moderate", "strong"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Logits, labels (0 or 1) and patients of films, each (films,)."""

    logits: Floats
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class ClassDrift:
    """How one class's scores differ from the training site's.

    Attributes:
        label: the class.
        patients: here; tests count patients, since films of one are alike.
        statistic: Kolmogorov-Smirnov: largest distance between cumulative distributions, 0 to 1.
        p_value: asymptotic (Stephens 1970).
        noticeable: the smallest statistic significant at `LEVEL` with so few patients.
        stability: population stability index over bins of equal mass at the training site, less its expectation.
        medians: of logits, at the training site and here.
        verdict: "no drift" where neither test is significant; else the size of `stability`.
    """

    label: str
    patients: int
    statistic: float
    p_value: float
    noticeable: float
    stability: float
    medians: tuple[float, float]
    verdict: Verdict

    @property
    def is_tested(self) -> bool:
        """Whether patients are enough."""
        return self.verdict != "too few"

    @property
    def is_shifted(self) -> bool:
        """Whether a test is significant."""
        return self.verdict in ("slight", "moderate", "strong")


def write_validation_scores(
    folder: Path, logits: NDArray[Any], labels: NDArray[Any], groups: NDArray[Any] | None = None
) -> None:
    """Write logits and labels (films,) of an entry's unperturbed validation films, for comparison with other sites.

    `groups` are patients; None: each film is one.
    """
    content: dict[str, list[Any]] = {
        "logits": [round(logit, 4) for logit in np.asarray(logits, np.float64).tolist()],
        "labels": np.asarray(labels, np.int64).tolist(),
    }
    if groups is not None:
        # Renumbered: nothing in an entry identifies a patient elsewhere.
        content["patients"] = np.unique(np.asarray(groups), return_inverse=True)[1].tolist()
    (folder / SCORES_FILE).write_text(json.dumps(content) + "\n")


def read_validation_scores(folder: Path) -> Scores | None:
    """Read what `write_validation_scores` wrote; None: missing or malformed."""
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
    """Compare the scores of each class at both sites."""
    return [
        _compare(label, _of_class(training, number), _of_class(here, number))
        for number, label in enumerate(LABELS)
        if np.any(training.labels == number) and np.any(here.labels == number)
    ]


def _compare(label: str, training: Scores, here: Scores) -> ClassDrift:
    from scipy.stats import chi2, ks_2samp, kstwobign

    patients, reference = len(np.unique(here.groups)), len(np.unique(training.groups))
    inverse_size = 1 / patients + 1 / reference
    statistic = float(ks_2samp(training.logits, here.logits, method="asymp").statistic)
    root = np.sqrt(1 / inverse_size)
    p_value = float(kstwobign.sf((root + 0.12 + 0.11 / root) * statistic))
    bins = int(min(_MOST_BINS, max(2, min(patients, reference) // 5)))
    index = _stability_index(training.logits, here.logits, bins)
    # Without drift, the index is (1/n + 1/m) times chi-square with bins - 1 degrees of freedom (Yurdakul and Naranjo
    # 2020): large by chance on few films.
    stability = max(0.0, index - inverse_size * (bins - 1))
    is_significant = p_value < LEVEL or index > inverse_size * chi2.ppf(1 - LEVEL, bins - 1)
    verdict: Verdict = "no drift"
    if patients < FEWEST_PATIENTS or reference < FEWEST_PATIENTS:
        verdict = "too few"
    elif is_significant:
        verdict = "strong" if stability >= STRONG else "moderate" if stability >= MODERATE else "slight"
    medians = (float(np.median(training.logits)), float(np.median(here.logits)))
    noticeable = float(np.sqrt(-np.log(LEVEL / 2) / 2 * inverse_size))
    return ClassDrift(label, patients, statistic, p_value, min(1.0, noticeable), stability, medians, verdict)


def _of_class(scores: Scores, number: int) -> Scores:
    chosen = scores.labels == number
    return Scores(scores.logits[chosen], scores.labels[chosen], scores.groups[chosen])


def _stability_index(training: Floats, here: Floats, bins: int) -> float:
    edges = np.quantile(training, np.linspace(0, 1, bins + 1)[1:-1])
    counts = [np.bincount(np.searchsorted(edges, scores), minlength=bins) for scores in (training, here)]
    return stability_index(*map(proportions, counts))
