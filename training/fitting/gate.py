"""The channel means of training films → the reference of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from app.inference.gate_reference import Reason, Reference

Features = NDArray[np.float32]

AXES = 192
"""Principal axes that are kept at most; all other directions share one standard deviation."""

_FEWEST_FILMS = 8

_LEAST_SCALE = 1e-3
"""Standard deviation that a channel mean is given at least: some channels hardly ever fire."""

_LEAST_VARIANCE = 1e-3
"""Of standardised channel means along a direction: less is the rounding of float32, in which engines differ."""

_STRENGTH = 0.01
"""Of the classifier, the inverse of its L2 penalty."""


def fit_reference(populations: Mapping[str, Features], unsuitable: Mapping[Reason, Features]) -> Reference:
    """Fit populations, their common covariance, and the classifier of unsuitable films.

    Args:
        populations: channel means of training films, unperturbed and mildly perturbed, float32 (films, K) each.
        unsuitable: of training films made unsuitable, by reason.

    Raises:
        ArtifactRefused: there are fewer than `_FEWEST_FILMS`.
    """
    usual = np.concatenate(list(populations.values())).astype(np.float64)
    if len(usual) < _FEWEST_FILMS:
        raise ArtifactRefused(f"Expected at least {_FEWEST_FILMS} films for a gate. Received {len(usual)}.")
    kept = min(AXES, usual.shape[1] - 1, len(usual) // 2)
    mean, scale = usual.mean(axis=0), np.maximum(usual.std(axis=0), _LEAST_SCALE)
    standardised = {name: (features - mean) / scale for name, features in populations.items()}
    centres = np.stack([features.mean(axis=0) for features in standardised.values()])
    off = np.concatenate([features - centre for features, centre in zip(standardised.values(), centres, strict=True)])
    variances, directions = np.linalg.eigh(off.T @ off / len(off))
    rest = np.sqrt(max(variances[:-kept].mean(), _LEAST_VARIANCE))
    variances, directions = variances[-kept:], directions[:, -kept:]
    reference = Reference(
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        centres=centres.astype(np.float32),
        directions=directions.astype(np.float32),
        variances=np.maximum(variances, _LEAST_VARIANCE).astype(np.float32),
        rest=np.array([rest], np.float32),
        weights=np.zeros((len(mean), 1), np.float32),
        bias=np.zeros(1, np.float32),
    )
    return _with_classifier(reference, usual.astype(np.float32), unsuitable)


def _with_classifier(reference: Reference, usual: Features, unsuitable: Mapping[Reason, Features]) -> Reference:
    """Fit multinomial logistic regression, each class with equal weight."""
    from sklearn.linear_model import LogisticRegression

    if not unsuitable:
        return reference
    features = [usual, *unsuitable.values()]
    labels = np.repeat(np.arange(len(features)), [len(each) for each in features])
    x = reference.clip(reference.standardise(np.concatenate(features)))
    fitted = LogisticRegression(C=_STRENGTH, max_iter=500, class_weight="balanced").fit(x, labels)
    weights, bias = fitted.coef_.T, fitted.intercept_
    if len(unsuitable) == 1:
        # Of two classes scikit-learn keeps one column.
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.r_[0.0, bias]
    return replace(reference, weights=weights.astype(np.float32), bias=bias.astype(np.float32))
