"""Pairs of films, one of each class, that are alike in brightness, contrast and sharpness.

Propensity score matching (Rosenbaum and Rubin 1985; calipers and checks as in Austin 2011): what tells the classes
apart by global statistics alone is balanced between them, so that a model must see something else there.
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
"""The numbers of `training.audit.shortcuts.describe_pixels`, in its order."""

CALIPER = 0.2
"""Largest distance within a pair, in standard deviations of the score (Austin 2011)."""

BALANCED = 0.1
"""Standardised mean difference up to which a statistic counts as balanced (Austin 2011)."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Pairs:
    """Matched films: `normal[i]` and `pneumonia[i]` are a pair, as indices of the films that were given."""

    normal: Indices
    pneumonia: Indices

    def __len__(self) -> int:
        return len(self.normal)


def match_pairs(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64], seed: int = 0) -> Pairs:
    """Match films of the two classes one to one, without replacement, with one film a patient.

    A film stands for its patient, drawn by the seed; of a patient with both classes, one of the class that fewer
    patients have. The score is the log-odds of PNEUMONIA by logistic regression (ridge penalty 1) on the standardised
    statistics of these films. In an order drawn by the seed, each film of that class takes, of the free ones of the
    other class within `CALIPER` pooled standard deviations of the score, the nearest by Mahalanobis distance between
    the statistics, or none (Rosenbaum and Rubin 1985, section 2.4).

    Args:
        statistics: of shape (films, numbers).
        labels: 0 or 1 (PNEUMONIA), of shape (films,), both present.
        groups: the patient of each film, likewise.
        seed: of the films and the order.

    Raises:
        ValueError: only one class is present.
    """
    chosen, rarer = _draw_films(labels, groups, np.random.default_rng(seed))
    deviation = statistics[chosen].std(axis=0)
    standard = (statistics - statistics[chosen].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    if len(np.unique(labels[chosen])) < 2:
        return Pairs(np.array([], np.intp), np.array([], np.intp))
    score = _score(standard, labels, chosen)
    inverse = np.linalg.pinv(np.cov(standard[chosen], rowvar=False))
    reach = CALIPER * np.sqrt(np.mean([score[chosen][labels[chosen] == number].var() for number in (0, 1)]))
    seekers, free = chosen[labels[chosen] == rarer], chosen[labels[chosen] != rarer]
    pairs: list[tuple[int, int]] = []
    for seeker in seekers.tolist():
        near = np.flatnonzero(np.abs(score[free] - score[seeker]) <= reach)
        if not near.size:
            continue
        apart = standard[free[near]] - standard[seeker]
        nearest = near[np.argmin(np.einsum("ij,jk,ik->i", apart, inverse, apart))]
        pairs.append((seeker, int(free[nearest])))
        free = np.delete(free, nearest)
    found = np.array(pairs, np.intp).reshape(-1, 2)
    return Pairs(found[:, rarer], found[:, 1 - rarer])


def best_balanced(statistics: Floats, labels: NDArray[np.uint8], candidates: list[Pairs]) -> Pairs:
    """Answer the candidate whose least balanced statistic is balanced best; no model is asked, so none is favoured."""

    def worst(pairs: Pairs) -> float:
        if not len(pairs):
            return float("inf")
        return float(np.abs(mean_differences(statistics, labels, pairs)[1]).max())

    return min(candidates, key=worst)


def mean_differences(values: Floats, labels: NDArray[np.uint8], pairs: Pairs) -> tuple[Floats, Floats]:
    """Answer the standardised mean differences PNEUMONIA - NORMAL over all films, and over the pairs.

    Both are in pooled standard deviations of all films, so that they can be compared.

    Args:
        values: of shape (films, numbers).
        labels: 0 or 1, of shape (films,).
        pairs: at least one.
    """
    normal, pneumonia = values[labels == 0], values[labels == 1]
    deviation = np.sqrt((normal.var(axis=0) + pneumonia.var(axis=0)) / 2)
    deviation = np.where(deviation > 0, deviation, 1.0)
    before = (pneumonia.mean(axis=0) - normal.mean(axis=0)) / deviation
    after = (values[pairs.pneumonia] - values[pairs.normal]).mean(axis=0) / deviation
    return before, after


def _draw_films(labels: NDArray[np.uint8], groups: NDArray[np.int64], rng: np.random.Generator) -> tuple[Indices, int]:
    """Answer one film a patient in the order drawn, the class that fewer patients have first; and that class."""
    if len(np.unique(labels)) < 2:
        raise ValueError("Expected films of both classes, to match them. Received one.")
    patients = [len(np.unique(groups[labels == number])) for number in (0, 1)]
    rarer = int(patients[1] <= patients[0])
    order = rng.permutation(len(labels))
    # A stable sort, so that each class stays in the order drawn; then each patient's first film.
    order = order[np.argsort(labels[order] != rarer, kind="stable")]
    first = np.unique(groups[order], return_index=True)[1]
    return order[np.sort(first)], rarer


def _score(standard: Floats, labels: NDArray[np.uint8], chosen: Indices) -> Floats:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(standard[chosen], labels[chosen])
    return np.asarray(fitted.decision_function(standard), np.float64)
