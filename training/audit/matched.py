"""A model's AUC on another site's films, matched in brightness, contrast and sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import PneumoServeError
from training.audit.boosting import FOLDS, cross_validate
from training.audit.matching import BALANCED, Pairs, best_balanced, match_pairs, mean_differences
from training.audit.shortcuts import describe_pixels
from training.data.films import Films
from training.data.patients import Grouping
from training.evaluation.metrics import Metric, binary_metrics

ORDERS = 50
"""Orders of matching tried; the best balanced is measured, the others show the spread."""

FEWEST_PAIRS = 10

_REPEATS = 5
_BOOSTING: dict[str, Any] = {"max_iter": 60, "max_leaf_nodes": 8, "min_samples_leaf": 10}
_RESAMPLES = 2000
Floats = NDArray[np.float64]


class TooFewPairs(PneumoServeError):
    """The classes overlap too little."""


@dataclass(frozen=True)
class Matched:
    """Metrics on matched and on all films.

    Attributes:
        pairs: matched films.
        differences: standardised mean differences of the statistics, before and after matching.
        model: AUC on the pairs.
        baseline: AUC of cross-validated gradient boosting on the pairs' statistics.
        gain: difference of the two, on the same resamples.
        file_size: AUC of bytes, which are not matched.
        with_file_size: pairs matched for log bytes too, and the model's AUC; None: too few.
        orders: the model's lowest, median and highest AUC over orders of matching.
        model_unmatched: AUC on all films.
        baseline_unmatched: likewise.
    """

    pairs: Pairs
    differences: tuple[Floats, Floats]
    model: Metric
    baseline: Metric
    gain: Metric
    file_size: Metric
    with_file_size: tuple[int, Metric] | None
    orders: tuple[float, float, float]
    model_unmatched: Metric
    baseline_unmatched: Metric

    @property
    def is_balanced(self) -> bool:
        """Whether every statistic is balanced between the classes."""
        return bool(np.abs(self.differences[1]).max() <= BALANCED)

    @property
    def is_claim(self) -> bool:
        """Whether films are balanced, and the model's interval lies over chance and baseline."""
        return self.is_balanced and (self.model.low or 0) > 0.5 and (self.gain.low or 0) > 0

    @property
    def holds_with_file_size(self) -> bool:
        """Whether the model's interval lies over chance where file sizes match too."""
        return self.with_file_size is not None and (self.with_file_size[1].low or 0) > 0.5


def measure_matched(films: Films, logits: NDArray[np.float32], grouping: Grouping) -> Matched:
    """Match films by global statistics; compute the AUC of logits (films,) and of the statistics.

    Intervals are 95 % percentile bootstraps of pairs or, on all films, of patients.

    Raises:
        TooFewPairs: fewer than `FEWEST_PAIRS`.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own; ships no types

    if not 0 < films.labels.sum() < len(films):
        raise TooFewPairs(f"Expected films of both classes, to match them. Received {films.count()}.")
    # On so few films, threads cost more than they save.
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
            f"Received {len(pairs)}, of {films.count()}: the classes overlap too little."
        )
    every = np.concatenate([pairs.normal, pairs.pneumonia])
    pair_of = np.tile(np.arange(len(pairs)), 2)
    baseline = cross_validate(statistics[every], labels[every], pair_of, repeats=_REPEATS, **_BOOSTING)
    scores = {
        "model": logits[every].astype(np.float64),
        "baseline": baseline,
        "file_size": films.sizes[every, 2].astype(np.float64),
    }
    aucs = {name: _paired_aucs(score[: len(pairs)], score[len(pairs) :]) for name, score in scores.items()}
    orders = [_auc(logits[some.normal], logits[some.pneumonia]) for some in candidates if len(some) >= FEWEST_PAIRS]
    return Matched(
        pairs,
        mean_differences(statistics, labels, pairs),
        **{name: _summarise(values) for name, values in aucs.items()},
        gain=_summarise(aucs["model"] - aucs["baseline"]),
        with_file_size=_match_with_file_size(statistics, films, logits, groups),
        orders=(min(orders), float(np.median(orders)), max(orders)),
        model_unmatched=binary_metrics(labels, logits, logits >= 0, groups)["auc"],
        baseline_unmatched=_unmatched_auc(statistics, labels, groups),
    )


def _match_in_orders(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]) -> list[Pairs]:
    return [match_pairs(statistics, labels, groups, seed) for seed in range(ORDERS)]


def _match_with_file_size(
    statistics: Floats, films: Films, logits: NDArray[np.float32], groups: NDArray[np.int64]
) -> tuple[int, Metric] | None:
    wider = np.column_stack([statistics, np.log(films.sizes[:, 2])])
    pairs = best_balanced(wider, films.labels, _match_in_orders(wider, films.labels, groups))
    if len(pairs) < FEWEST_PAIRS:
        return None
    return len(pairs), _summarise(_paired_aucs(logits[pairs.normal], logits[pairs.pneumonia]))


def _unmatched_auc(statistics: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]) -> Metric:
    if min(len(np.unique(groups[labels == number])) for number in (0, 1)) < FOLDS:
        return Metric(None, None, None, f"undefined with fewer than {FOLDS} patients of a class")
    scores = cross_validate(statistics, labels, groups, repeats=_REPEATS, **_BOOSTING)
    return binary_metrics(labels, scores, scores >= 0.5, groups)["auc"]


def _auc(normal: NDArray[Any], pneumonia: NDArray[Any]) -> float:
    return float(_ranks_above(normal, pneumonia).mean())


def _paired_aucs(normal: NDArray[Any], pneumonia: NDArray[Any]) -> Floats:
    """Return the AUC of the pairs, then of pairs resampled, alike for every score."""
    above = _ranks_above(normal, pneumonia)
    sampled = np.random.default_rng(0).multinomial(len(normal), np.full(len(normal), 1 / len(normal)), size=_RESAMPLES)
    times = np.concatenate([np.ones((1, len(normal))), sampled])
    return np.asarray(np.sum(times @ above * times, axis=1) / len(normal) ** 2, np.float64)


def _ranks_above(normal: NDArray[Any], pneumonia: NDArray[Any]) -> Floats:
    """Return 1 where the positive film (row) scores above the negative (column), 0.5 for a tie."""
    positive, negative = pneumonia[:, np.newaxis], normal[np.newaxis]
    return np.asarray((positive > negative) + (positive == negative) / 2, np.float64)


def _summarise(values: Floats) -> Metric:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Metric(float(values[0]), float(low), float(high))
