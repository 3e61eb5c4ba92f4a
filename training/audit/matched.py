"""A model on films of another site, matched in brightness, contrast and sharpness: what it sees beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import PneumoServeError
from training.audit.matching import BALANCED, Pairs, best_balanced, match_pairs, mean_differences
from training.audit.shortcuts import describe_pixels
from training.data.films import Films
from training.data.patients import Grouping
from training.evaluation.metrics import Metric, binary_metrics

ORDERS = 50
"""So many orders of matching are tried; the best balanced one is measured, the others show how much hangs on it."""

FEWEST_PAIRS = 10

_FOLDS = 5
_REPEATS = 5
_DRAWS = 2000
Floats = NDArray[np.float64]


class TooFewPairs(PneumoServeError):
    """The films of the two classes are too unlike to be matched."""


@dataclass(frozen=True)
class Matched:
    """What was found.

    Attributes:
        pairs: the films that were matched.
        differences: standardised mean differences of the seven statistics, before and after matching.
        model: AUC on the pairs.
        baseline: AUC of gradient boosting on the statistics of the pairs, cross-validated.
        gain: AUC of the model less that of the baseline, on the same draws.
        file_size: AUC of the files' bytes on the pairs; they were not matched for it.
        sterner: how many pairs are left when films are matched for the logarithm of the files' bytes too, and the
            model's AUC on those; None where they are too few.
        orders: the model's lowest, median and highest AUC over all orders of matching.
        model_unmatched: AUC on all films.
        baseline_unmatched: likewise.
    """

    pairs: Pairs
    differences: tuple[Floats, Floats]
    model: Metric
    baseline: Metric
    gain: Metric
    file_size: Metric
    sterner: tuple[int, Metric] | None
    orders: tuple[float, float, float]
    model_unmatched: Metric
    baseline_unmatched: Metric

    @property
    def is_balanced(self) -> bool:
        """Whether every statistic is balanced between the classes of the pairs."""
        return bool(np.abs(self.differences[1]).max() <= BALANCED)

    @property
    def is_claim(self) -> bool:
        """Whether the films are balanced, and the model's interval lies over chance and over the baseline."""
        return self.is_balanced and (self.model.low or 0) > 0.5 and (self.gain.low or 0) > 0

    @property
    def holds_sternly(self) -> bool:
        """Whether the model's interval lies over chance where films are matched for the file's size too."""
        return self.sterner is not None and (self.sterner[1].low or 0) > 0.5


def measure_matched(films: Films, logits: NDArray[np.float32], grouping: Grouping) -> Matched:
    """Match films by their global statistics, and measure a model and the statistics themselves on the pairs.

    Intervals are 95 % percentile bootstraps: of pairs where films are matched, else of patients.

    Args:
        films: of both classes.
        logits: the model's, float32 of shape (films,).
        grouping: the films' patients.

    Raises:
        TooFewPairs: fewer than `FEWEST_PAIRS` are to be had.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own; ships no types

    if not 0 < films.labels.sum() < len(films):
        raise TooFewPairs(f"Expected films of both classes, to match them. Received {films.count()}.")
    # So few films: threads would cost more than they save.
    with threadpool_limits(1):
        return _measure(films, logits, grouping)


def _measure(films: Films, logits: NDArray[np.float32], grouping: Grouping) -> Matched:
    labels, groups = films.labels, grouping.groups
    statistics = np.stack([describe_pixels(film) for film in films.pixels])
    candidates = _match_in_orders(statistics, labels, groups)
    pairs = best_balanced(statistics, labels, candidates)
    if len(pairs) < FEWEST_PAIRS:
        raise TooFewPairs(
            f"Expected at least {FEWEST_PAIRS} pairs of films that are alike in brightness, contrast and sharpness. "
            f"Received {len(pairs)}, of {films.count()}: the classes are too unlike."
        )
    every = np.concatenate([pairs.normal, pairs.pneumonia])
    pair_of = np.tile(np.arange(len(pairs)), 2)
    baseline = _cross_validate(statistics[every], labels[every], pair_of)
    scores = {
        "model": logits[every].astype(np.float64),
        "baseline": baseline,
        "file_size": films.sizes[every, 2].astype(np.float64),
    }
    draws = {name: _paired_aucs(score[: len(pairs)], score[len(pairs) :]) for name, score in scores.items()}
    orders = [_auc(logits[some.normal], logits[some.pneumonia]) for some in candidates if len(some) >= FEWEST_PAIRS]
    return Matched(
        pairs,
        mean_differences(statistics, labels, pairs),
        **{name: _summarise(values) for name, values in draws.items()},
        gain=_summarise(draws["model"] - draws["baseline"]),
        sterner=_match_sternly(statistics, films, logits, groups),
        orders=(min(orders), float(np.median(orders)), max(orders)),
        model_unmatched=binary_metrics(labels, logits, logits >= 0, groups)["auc"],
        baseline_unmatched=_unmatched_auc(statistics, labels, groups),
    )


def _match_in_orders(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]) -> list[Pairs]:
    return [match_pairs(statistics, labels, groups, seed) for seed in range(ORDERS)]


def _match_sternly(
    statistics: Floats, films: Films, logits: NDArray[np.float32], groups: NDArray[np.int64]
) -> tuple[int, Metric] | None:
    wider = np.column_stack([statistics, np.log(films.sizes[:, 2])])
    pairs = best_balanced(wider, films.labels, _match_in_orders(wider, films.labels, groups))
    if len(pairs) < FEWEST_PAIRS:
        return None
    return len(pairs), _summarise(_paired_aucs(logits[pairs.normal], logits[pairs.pneumonia]))


def _cross_validate(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]) -> Floats:
    """Answer out-of-fold scores of gradient boosting, averaged over repetitions; no group is in learned and scored."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    scores = np.zeros(len(labels))
    for seed in range(_REPEATS):
        folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed).split(statistics, labels, groups)
        for learn, watch in folds:
            boosting = HistGradientBoostingClassifier(
                max_iter=60, max_leaf_nodes=8, min_samples_leaf=10, early_stopping=False, random_state=seed
            )
            boosting.fit(statistics[learn], labels[learn])
            scores[watch] += boosting.predict_proba(statistics[watch])[:, 1] / _REPEATS
    return scores


def _unmatched_auc(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]) -> Metric:
    if min(len(np.unique(groups[labels == number])) for number in (0, 1)) < _FOLDS:
        return Metric(None, None, None, f"undefined with fewer than {_FOLDS} patients of a class")
    scores = _cross_validate(statistics, labels, groups)
    return binary_metrics(labels, scores, scores >= 0.5, groups)["auc"]


def _auc(normal: NDArray[Any], pneumonia: NDArray[Any]) -> float:
    return float(_ranks_above(normal, pneumonia).mean())


def _paired_aucs(normal: NDArray[Any], pneumonia: NDArray[Any]) -> Floats:
    """Answer the AUC of the pairs, and then of pairs drawn with replacement: the same ones for every score."""
    above = _ranks_above(normal, pneumonia)
    drawn = np.random.default_rng(0).multinomial(len(normal), np.full(len(normal), 1 / len(normal)), size=_DRAWS)
    times = np.concatenate([np.ones((1, len(normal))), drawn])
    return np.asarray(np.sum(times @ above * times, axis=1) / len(normal) ** 2, np.float64)


def _ranks_above(normal: NDArray[Any], pneumonia: NDArray[Any]) -> Floats:
    """Answer 1 where the sick film (row) has the higher score than the healthy one (column), half for a tie."""
    sick, healthy = pneumonia[:, np.newaxis], normal[np.newaxis]
    return np.asarray((sick > healthy) + (sick == healthy) / 2, np.float64)


def _summarise(values: Floats) -> Metric:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Metric(float(values[0]), float(low), float(high))
