"""Gradient boosting, cross-validated by patient, on a few numbers a film."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
Floats = NDArray[np.float64]


def cross_validate(
    features: Floats,
    labels: NDArray[np.uint8],
    groups: NDArray[np.int64],
    *,
    folds: int = FOLDS,
    repeats: int = 1,
    **settings: Any,
) -> Floats:
    """Return out-of-fold probabilities of PNEUMONIA, averaged over repeats.

    Args:
        features: (films, numbers).
        labels: 0 or 1, (films,).
        groups: patients or pairs, (films,); none is both fitted and predicted.
        folds: stratified by class.
        repeats: each with its own seed of folds and boosting.
        settings: of `HistGradientBoostingClassifier`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own; ships no types

    probabilities = np.zeros(len(labels))
    # Threads would wait for each other at every node.
    with threadpool_limits(1):
        for seed in range(repeats):
            predicted = cross_val_predict(
                HistGradientBoostingClassifier(**settings, early_stopping=False, random_state=seed),
                features,
                labels,
                groups=groups,
                cv=StratifiedGroupKFold(folds, shuffle=True, random_state=seed),
                method="predict_proba",
            )
            probabilities += predicted[:, 1] / repeats
    return probabilities
