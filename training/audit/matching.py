"""Propensity score matching of films of both classes, alike in brightness, contrast and sharpness.

Balanced confounders do not predict the class (Rosenbaum and Rubin 1985; calipers and balance checks: Austin 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STATISTICS = (
    "finest detail",
    "fine detail",
    "coarse detail",
    "mean gray",
    "spread of gray",
    "1st percentile",
    "99th percentile",
)
"""Of `training.audit.shortcuts.describe_pixels`, in order."""

CALIPER = 0.2
"""Largest distance within pairs, in standard deviations of the score (Austin 2011)."""

BALANCED = 0.1
"""Largest standardised mean difference of a balanced statistic (Austin 2011)."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """`normal[i]` and `pneumonia[i]` are a pair of films, by index."""

    normal: Indices
    pneumonia: Indices

    def __len__(self) -> int:
        return len(self.normal)


def match_pairs(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64], seed: int = 0) -> Pairs:
    """Match films of the classes one to one, without replacement, one film a patient.

    A patient with both classes gives a film of the class that fewer patients have. The propensity score is the log-odds
    of PNEUMONIA by logistic regression (ridge penalty 1) on standardised statistics. In random order, each film of the
    rarer class is paired with the other class's nearest unmatched film by Mahalanobis distance, within `CALIPER` pooled
    standard deviations of the score, if any (Rosenbaum and Rubin 1985, sec. 2.4).

    Args:
        statistics: (films, numbers).
        labels: 0 or 1 (PNEUMONIA), (films,).
        groups: patients, (films,).
        seed: of sampled films and their order.

    Raises:
        ValueError: only one class is present.
    """
    chosen, rarer = _sample_films(labels, groups, np.random.default_rng(seed))
    deviation = statistics[chosen].std(axis=0)
    standard = (statistics - statistics[chosen].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    if len(np.unique(labels[chosen])) < 2:
        return Pairs(np.array([], np.intp), np.array([], np.intp))
    score = _score(standard, labels, chosen)
    inverse = np.linalg.pinv(np.cov(standard[chosen], rowvar=False))
    caliper = CALIPER * np.sqrt(np.mean([score[chosen][labels[chosen] == number].var() for number in (0, 1)]))
    cases, controls = chosen[labels[chosen] == rarer], chosen[labels[chosen] != rarer]
    pairs: list[tuple[int, int]] = []
    for case in cases.tolist():
        near = np.flatnonzero(np.abs(score[controls] - score[case]) <= caliper)
        if not near.size:
            continue
        difference = standard[controls[near]] - standard[case]
        nearest = near[np.argmin(np.einsum("ij,jk,ik->i", difference, inverse, difference))]
        pairs.append((case, int(controls[nearest])))
        controls = np.delete(controls, nearest)
    found = np.array(pairs, np.intp).reshape(-1, 2)
    return Pairs(found[:, rarer], found[:, 1 - rarer])


def best_balanced(statistics: Floats, labels: NDArray[np.uint8], candidates: list[Pairs]) -> Pairs:
    """Return the candidate with the smallest maximal mean difference; chosen without a model."""

    def worst(pairs: Pairs) -> float:
        if not len(pairs):
            return float("inf")
        return float(np.abs(mean_differences(statistics, labels, pairs)[1]).max())

    return min(candidates, key=worst)


def mean_differences(values: Floats, labels: NDArray[np.uint8], pairs: Pairs) -> tuple[Floats, Floats]:
    """Return the mean differences PNEUMONIA - NORMAL of all films, and of the pairs (at least one).

    Values are (films, numbers), labels 0 or 1; results are in pooled standard deviations of all films.
    """
    normal, pneumonia = values[labels == 0], values[labels == 1]
    deviation = np.sqrt((normal.var(axis=0) + pneumonia.var(axis=0)) / 2)
    deviation = np.where(deviation > 0, deviation, 1.0)
    before = (pneumonia.mean(axis=0) - normal.mean(axis=0)) / deviation
    after = (values[pairs.pneumonia] - values[pairs.normal]).mean(axis=0) / deviation
    return before, after


def _sample_films(
    labels: NDArray[np.uint8], groups: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Indices, int]:
    """Return one film a patient in random order, the rarer class first; and that class."""
    if len(np.unique(labels)) < 2:
        raise ValueError("Expected films of both classes, to match them. Received one.")
    patients = [len(np.unique(groups[labels == number])) for number in (0, 1)]
    rarer = int(patients[1] <= patients[0])
    order = rng.permutation(len(labels))
    # A stable sort keeps the random order within a class.
    order = order[np.argsort(labels[order] != rarer, kind="stable")]
    first = np.unique(groups[order], return_index=True)[1]
    return order[np.sort(first)], rarer


def _score(standard: Floats, labels: NDArray[np.uint8], chosen: Indices) -> Floats:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(standard[chosen], labels[chosen])
    return np.asarray(fitted.decision_function(standard), np.float64)
