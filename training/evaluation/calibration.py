"""Logits of labelled films → the calibration of a network, and what its error is on films it was not fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from training.data.patients import Grouping
from training.evaluation.metrics import ECE_BINS, Metric, binary_metrics
from training.evaluation.perturbed_sets import PerturbedSets

Floats = NDArray[np.float64]

WANTED_ECE = 0.03
"""The largest calibration error that is wanted on validation films as sent, out of fold."""

FOLDS = 10


def fit_platt(views: PerturbedSets) -> tuple[float, float]:
    """Fit sigmoid(slope × logit + intercept) to labels by maximum likelihood, every view weighing alike.

    Platt's own way (1999, "Probabilistic outputs for support vector machines"), by the Newton steps of Lin, Lin and
    Weng (2007): the labels are drawn a little inwards, as if either class had one more film, so that classes which no
    logit mixes have a finite fit too. An altered film counts as a view of the same film, not as another one.

    Returns:
        slope and intercept.

    Raises:
        ArtifactRefused: the logit does not rise with the share of PNEUMONIA.
    """
    positives = float(views.labels.sum())
    negatives = len(views.labels) - positives
    target = np.where(views.labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    z = views.logits.astype(np.float64)
    inputs = np.stack([z.ravel(), np.ones(z.size)])
    wanted = np.tile(target, len(z))
    line = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    loss = _log_loss(line @ inputs, wanted)
    for _ in range(100):
        said = _sigmoid(line @ inputs)
        gradient = inputs @ (said - wanted)
        if np.abs(gradient).max() < 1e-9 * z.size:
            break
        step = np.linalg.solve((inputs * (said * (1 - said))) @ inputs.T + 1e-12 * np.eye(2), gradient)
        size, moved = 1.0, loss
        while size > 1e-10 and (moved := _log_loss((line - size * step) @ inputs, wanted)) > loss:
            size /= 2
        if moved > loss:
            break
        line, loss = line - size * step, moved
    slope, intercept = line.tolist()
    if not slope > 0:
        raise ArtifactRefused(f"Expected a logit that rises with pneumonia. Its calibration has the slope {slope:.3g}.")
    return slope, intercept


def cross_fit(views: PerturbedSets) -> Floats:
    """Answer the calibrated probability of each film in each view, by a fit without the films of its fold's patients.

    Returns:
        float64 of shape (views, films).
    """
    probabilities = np.zeros(views.logits.shape)
    for held_out in fold_by_patient(views.patients):
        slope, intercept = fit_platt(views.take(~held_out))
        probabilities[:, held_out] = _sigmoid(slope * views.logits[:, held_out].astype(np.float64) + intercept)
    return probabilities


def fold_by_patient(patients: Grouping, seed: int = 0) -> list[NDArray[np.bool_]]:
    """Answer which films each of `FOLDS` folds holds out; fewer where there are fewer patients."""
    names, member = np.unique(patients.groups, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(names)) % min(FOLDS, len(names))
    return [folds[member] == fold for fold in range(folds.max() + 1)]


def describe_fit(views: PerturbedSets) -> dict[str, Any]:
    """Answer how well the calibration does on patients that it was not fitted on, for `model.json`."""
    probabilities = cross_fit(views)
    as_sent = _measure_ece(views.unperturbed, probabilities[:1])
    described: dict[str, Any] = {
        "fitted_on": list(views.names),
        "folds": len(fold_by_patient(views.patients)),
        "wanted_ece": WANTED_ECE,
        "is_reached": (as_sent.value or 0.0) <= WANTED_ECE,
        "out_of_fold_ece": {"as_sent": as_sent.to_json()},
    }
    if views.perturbed is not None:
        described["out_of_fold_ece"]["altered"] = _measure_ece(views.perturbed, probabilities[1:]).to_json()
    return described


def simulate_ece(probabilities: Floats, draws: int = 2000, seed: int = 0) -> dict[str, float]:
    """Answer the calibration error that a perfectly calibrated model would show on so few films.

    Labels are drawn from the probabilities themselves, film by film, and the error measured as `metrics` does.

    Args:
        probabilities: of shape (films,).
        draws: how often.
        seed: the same seed draws alike.

    Returns:
        `mean`, and `low` and `high` of the middle 95 %.
    """
    p = np.sort(probabilities)
    films = len(p)
    bins = np.minimum(((np.arange(films) + 0.5) / films * ECE_BINS).astype(np.intp), ECE_BINS - 1)
    starts = np.flatnonzero(np.r_[True, np.diff(bins) > 0])
    labels = np.random.default_rng(seed).random((draws, films)) < p
    errors = np.abs(np.add.reduceat(p - labels, starts, axis=1)).sum(axis=1) / films
    low, high = np.percentile(errors, [2.5, 97.5])
    return {"mean": round(float(errors.mean()), 6), "low": round(float(low), 6), "high": round(float(high), 6)}


def _measure_ece(views: PerturbedSets, probabilities: Floats) -> Metric:
    labels, _, patients = views.pool()
    p = probabilities.ravel()
    return binary_metrics(labels, p, p >= 0.5, patients.groups)["ece"]


def _sigmoid(z: Floats) -> Floats:
    tail: Floats = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, tail) / (1 + tail)


def _log_loss(z: Floats, wanted: Floats) -> float:
    return float(np.sum(np.logaddexp(0, z) - wanted * z))
