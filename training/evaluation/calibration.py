"""Logits of labelled films → calibration, and its out-of-fold error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from app.inference.metrics_record import CalibrationFit, OutOfFoldEce
from training.data.patients import Grouping
from training.evaluation.metrics import Metric, bin_by_mass, binary_metrics
from training.evaluation.perturbed_sets import PerturbedSets

Floats = NDArray[np.float64]

WANTED_ECE = 0.03
"""Largest acceptable out-of-fold error on unperturbed validation films."""

FOLDS = 10


def fit_platt(sets: PerturbedSets) -> tuple[float, float]:
    """Fit slope and intercept of sigmoid(slope × logit + intercept) by maximum likelihood, sets weighted equally.

    Platt's targets (1999, "Probabilistic outputs for support vector machines") smooth labels as if each class had one
    more film, so that separable classes have a finite fit. A perturbed film does not count as another.

    Raises:
        ArtifactRefused: the logit does not rise with the proportion of PNEUMONIA.
    """
    from sklearn.linear_model import LogisticRegression

    positives = float(sets.labels.sum())
    negatives = len(sets.labels) - positives
    target = np.where(sets.labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    logits = sets.logits.astype(np.float64).ravel()
    weight = np.tile(target, len(sets.logits))
    # A soft label: a film of each class, weighted by the target.
    fitted = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        np.tile(logits, 2)[:, np.newaxis],
        np.repeat([1, 0], logits.size),
        sample_weight=np.concatenate([weight, 1 - weight]),
    )
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if not slope > 0:
        raise ArtifactRefused(f"Expected a logit that rises with pneumonia. Its calibration has the slope {slope:.3g}.")
    return slope, intercept


def cross_fit(sets: PerturbedSets) -> Floats:
    """Return out-of-fold calibrated probabilities, float64 (sets, films)."""
    probabilities = np.zeros(sets.logits.shape)
    for held_out in fold_by_patient(sets.patients):
        slope, intercept = fit_platt(sets.take(~held_out))
        probabilities[:, held_out] = _sigmoid(slope * sets.logits[:, held_out].astype(np.float64) + intercept)
    return probabilities


def fold_by_patient(patients: Grouping, seed: int = 0) -> list[NDArray[np.bool_]]:
    """Return which films each fold holds out: `FOLDS`, or as many as patients."""
    names, member = np.unique(patients.groups, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(names)) % min(FOLDS, len(names))
    return [folds[member] == fold for fold in range(folds.max() + 1)]


def record_fit(sets: PerturbedSets) -> CalibrationFit:
    """Compute the out-of-fold calibration error for `model.json`."""
    probabilities = cross_fit(sets)
    unperturbed = _measure_ece(sets.unperturbed, probabilities[:1])
    out_of_fold = {"unperturbed": unperturbed.to_record()}
    if sets.perturbed is not None:
        out_of_fold["perturbed"] = _measure_ece(sets.perturbed, probabilities[1:]).to_record()
    return CalibrationFit(
        fitted_on=list(sets.names),
        folds=len(fold_by_patient(sets.patients)),
        wanted_ece=WANTED_ECE,
        is_reached=(unperturbed.value or 0.0) <= WANTED_ECE,
        out_of_fold_ece=OutOfFoldEce(**out_of_fold),
    )


def simulate_ece(probabilities: Floats, n_samples: int = 2000, seed: int = 0) -> dict[str, float]:
    """Compute the ECE of a perfectly calibrated model on so few films, by chance.

    Labels are sampled from the probabilities (films,) `n_samples` times; the ECE is that of `metrics`.

    Returns:
        `mean`, and `low` and `high` of the middle 95 %.
    """
    p = np.sort(probabilities)
    films = len(p)
    bins = bin_by_mass((np.arange(films) + 0.5) / films)
    starts = np.flatnonzero(np.r_[True, np.diff(bins) > 0])
    labels = np.random.default_rng(seed).random((n_samples, films)) < p
    errors = np.abs(np.add.reduceat(p - labels, starts, axis=1)).sum(axis=1) / films
    low, high = np.percentile(errors, [2.5, 97.5])
    return {"mean": round(float(errors.mean()), 6), "low": round(float(low), 6), "high": round(float(high), 6)}


def _measure_ece(sets: PerturbedSets, probabilities: Floats) -> Metric:
    labels, _, patients = sets.pool()
    p = probabilities.ravel()
    return binary_metrics(labels, p, p >= 0.5, patients.groups)["ece"]


def _sigmoid(z: Floats) -> Floats:
    tail: Floats = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, tail) / (1 + tail)
