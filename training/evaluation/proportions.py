"""Proportions of films, and predictive values, with intervals over resampled patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Metric, resample, widen

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PREVALENCES = (0.02, 0.1, 0.3, 0.62)
"""Of predictive values: from screening to the official test split."""


def measure_proportions(masks: dict[str, tuple[Mask, Mask]], groups: NDArray[np.int64]) -> dict[str, Metric]:
    """Compute proportions with 95 % percentile intervals of 1000 resamples of patients; see `widen`.

    Args:
        masks: name → (films in the numerator, in the denominator), each (films,).
        groups: the patient of each film.

    Returns:
        name → proportion, 0 to 1; a note where the denominator is empty.
    """
    resampled = _resample_proportions(list(masks.values()), groups)
    return {
        name: widen(_summarise(name, values), len(np.unique(groups[of])))
        for (name, (_, of)), values in zip(masks.items(), resampled, strict=True)
    }


def predictive_values(
    labels: NDArray[np.uint8], predicted: Mask, groups: NDArray[np.int64]
) -> dict[str, dict[str, Metric]]:
    """Compute `ppv` and `npv` at each of `PREVALENCES` (as text) by Bayes' rule.

    With sensitivity s, specificity c and prevalence p: PPV = s p / (s p + (1 - c)(1 - p)),
    NPV = c (1 - p) / (c (1 - p) + (1 - s) p).
    """
    positive = labels == 1
    sensitivity, specificity = _resample_proportions(
        [(predicted & positive, positive), (~predicted & ~positive, ~positive)], groups
    )
    values = {}
    for prevalence in PREVALENCES:
        with np.errstate(invalid="ignore", divide="ignore"):
            true_positives, true_negatives = sensitivity * prevalence, specificity * (1 - prevalence)
            ppv = true_positives / (true_positives + (1 - specificity) * (1 - prevalence))
            npv = true_negatives / (true_negatives + (1 - sensitivity) * prevalence)
        values[f"{prevalence:g}"] = {"ppv": _summarise("ppv", ppv), "npv": _summarise("npv", npv)}
    return values


def _resample_proportions(masks: list[tuple[Mask, Mask]], groups: NDArray[np.int64]) -> list[Floats]:
    """Return each proportion of all films, then of 1000 resamples of patients, float64 (1001,)."""
    member = np.unique(groups, return_inverse=True)[1]
    patients = int(member.max()) + 1
    weights = np.concatenate([np.ones((1, patients)), *resample(np.arange(patients), 1000, 0)])
    proportions = []
    for counted, of in masks:
        of_each = [np.bincount(member, weights=films, minlength=patients) for films in (counted, of)]
        with np.errstate(invalid="ignore", divide="ignore"):
            proportions.append((weights @ of_each[0]) / (weights @ of_each[1]))
    return proportions


def _summarise(name: str, values: Floats) -> Metric:
    value, resampled = float(values[0]), values[1:][~np.isnan(values[1:])]
    if np.isnan(value):
        return Metric(None, None, None, f"{name} is undefined: a proportion of no films")
    low, high = np.percentile(resampled, [2.5, 97.5]) if resampled.size else (value, value)
    return Metric(value, float(min(low, value)), float(max(high, value)))
