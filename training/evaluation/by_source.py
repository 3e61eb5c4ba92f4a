"""Films of several sources → metrics by source and view, since a class must not be told by its source or its view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.inference.gate import Assessment
from app.inference.gate_record import SourceMetrics, SourceRates
from app.inference.record import Estimate
from app.names import LABELS
from training.data.source_table import SourceRow
from training.evaluation.metrics import Metric, binary_metrics, resample

Floats = NDArray[np.float64]

N_BOOTSTRAP = 2000


def measure_by_source(
    rows: Sequence[SourceRow],
    logits: NDArray[np.float32],
    operating_points: Mapping[str, float],
    assessed: Sequence[Assessment] | None,
) -> list[SourceMetrics]:
    """Compute the metrics of each source of whole films, and of each of its views.

    Args:
        rows: of the films; films without a patient's name stand alone.
        logits: of the films, float32 (films,).
        operating_points: name → threshold on the logit.
        assessed: what the gate says of each; None: there is no gate.

    Returns:
        by population and source: all films with the mean AUC within view, then each view.
    """
    measured = []
    keys = [(row.population, row.source) if row.form == "whole" else None for row in rows]
    for population, source in sorted({key for key in keys if key is not None}):
        chosen = np.array([key == (population, source) for key in keys])
        views = np.array([row.view if chosen[index] else "" for index, row in enumerate(rows)])
        named = [view for view in ("AP", "PA") if np.any(views == view)]
        for view in ("", *named):
            films = np.flatnonzero(chosen & (views == view) if view else chosen)
            patients = np.array([rows[index].patient or f"film {index}" for index in films.tolist()])
            labels = np.array([rows[index].label for index in films.tolist()])
            within = [view] if view else named
            measured.append(
                SourceMetrics(
                    population=population,
                    source=source,
                    view=view,
                    films={name: int(np.sum(labels == label)) for label, name in enumerate(LABELS)},
                    auc=_within_views(labels, logits[films].astype(np.float64), views[films], within, patients),
                    operating_points={
                        name: _rates(labels, logits[films], threshold, patients)
                        for name, threshold in operating_points.items()
                    },
                    gate_flagged=None
                    if assessed is None
                    else round(float(np.mean([assessed[index].verdict != "usual" for index in films.tolist()])), 6),
                )
            )
    return measured


def _within_views(
    labels: NDArray[np.int64], logits: Floats, views: NDArray[np.str_], within: list[str], patients: NDArray[np.str_]
) -> Estimate | None:
    """Compute the mean over views of the AUC within each, with a cluster bootstrap; None without both classes."""
    parts = [views == view for view in within] or [np.ones(len(labels), bool)]
    if any(len(np.unique(labels[part])) < 2 for part in parts):
        return None
    pairs = [_order_pairs(labels[part], logits[part]) for part in parts]

    def mean_auc(weights: Floats) -> float:
        found = []
        for part, ordered in zip(parts, pairs, strict=True):
            positive = weights[part][labels[part] == 1]
            negative = weights[part][labels[part] == 0]
            total = positive.sum() * negative.sum()
            found.append(float(positive @ ordered @ negative / total) if total else np.nan)
        return float(np.mean(found))

    member = np.unique(patients, return_inverse=True)[1]
    value = mean_auc(np.ones(len(labels)))
    resampled = np.array([mean_auc(row) for chunk in resample(member, N_BOOTSTRAP, 0) for row in chunk])
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Metric(value, float(low), float(high)).to_record()


def _order_pairs(labels: NDArray[np.int64], logits: Floats) -> Floats:
    """Return, for every positive and negative film, 1 where the positive ranks higher, 0.5 for a tie, else 0."""
    difference = logits[labels == 1][:, np.newaxis] - logits[labels == 0]
    return np.asarray((difference > 0) + 0.5 * (difference == 0), np.float64)


def _rates(
    labels: NDArray[np.int64], logits: NDArray[np.float32], threshold: float, patients: NDArray[np.str_]
) -> SourceRates:
    found = binary_metrics(labels, logits, logits >= threshold, patients)
    return SourceRates(sensitivity=found["sensitivity"].to_record(), specificity=found["specificity"].to_record())
