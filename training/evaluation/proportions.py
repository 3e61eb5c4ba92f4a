"""Shares of films, and what follows from two of them, each with an interval over resampled patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import Metric, resample, widen

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PREVALENCES = (0.02, 0.1, 0.3, 0.62)
"""Shares of PNEUMONIA at which predictive values are told: from a screening to the official test split."""


def measure_proportions(ratios: dict[str, tuple[Mask, Mask]], groups: NDArray[np.int64]) -> dict[str, Metric]:
    """Measure shares, each with the 95 % percentile interval of 1000 draws of patients; of 0 and 1 see `widen`.

    Args:
        ratios: name → (films that are counted, films that they are a share of), each of shape (films,).
        groups: the patient of each film.

    Returns:
        name → share, 0 to 1; without a value, and with a note, where it is a share of none.
    """
    draws = _draw_shares(list(ratios.values()), groups)
    return {
        name: widen(_summarise(name, shares), len(np.unique(groups[of])))
        for (name, (_, of)), shares in zip(ratios.items(), draws, strict=True)
    }


def predictive_values(
    labels: NDArray[np.uint8], predicted: Mask, groups: NDArray[np.int64]
) -> dict[str, dict[str, Metric]]:
    """Answer the positive and the negative predictive value at each of `PREVALENCES`, from Bayes' rule.

    With sensitivity s, specificity c and prevalence p: PPV = s p / (s p + (1 - c)(1 - p)), and
    NPV = c (1 - p) / (c (1 - p) + (1 - s) p).

    Returns:
        the prevalence as text → `ppv` and `npv`.
    """
    sick = labels == 1
    sensitivity, specificity = _draw_shares([(predicted & sick, sick), (~predicted & ~sick, ~sick)], groups)
    values = {}
    for prevalence in PREVALENCES:
        with np.errstate(invalid="ignore", divide="ignore"):
            hits, passed = sensitivity * prevalence, specificity * (1 - prevalence)
            ppv = hits / (hits + (1 - specificity) * (1 - prevalence))
            npv = passed / (passed + (1 - sensitivity) * prevalence)
        values[f"{prevalence:g}"] = {"ppv": _summarise("ppv", ppv), "npv": _summarise("npv", npv)}
    return values


def _draw_shares(ratios: list[tuple[Mask, Mask]], groups: NDArray[np.int64]) -> list[Floats]:
    """Answer each share of all films, and after it those of 1000 draws of patients: float64 of shape (1001,)."""
    member = np.unique(groups, return_inverse=True)[1]
    patients = int(member.max()) + 1
    drawn = [np.ones((1, patients)), *resample(np.arange(patients), 1000, 0)]
    weights = np.concatenate(drawn)
    shares = []
    for counted, of in ratios:
        of_each = [np.bincount(member, weights=films, minlength=patients) for films in (counted, of)]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares.append((weights @ of_each[0]) / (weights @ of_each[1]))
    return shares


def _summarise(name: str, figures: Floats) -> Metric:
    value, draws = float(figures[0]), figures[1:][~np.isnan(figures[1:])]
    if np.isnan(value):
        return Metric(None, None, None, f"{name} is undefined: a share of no films")
    low, high = np.percentile(draws, [2.5, 97.5]) if draws.size else (value, value)
    return Metric(value, float(min(low, value)), float(max(high, value)))
