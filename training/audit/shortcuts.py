"""Shortcut features: how well two cross-validated baselines predict the class without lungs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.preprocess import shrink
from training.audit.boosting import FOLDS, cross_validate
from training.data.films import Films
from training.evaluation.metrics import Metric, binary_metrics

STATISTICS_SIDE = 150
"""Pixels a side at which statistics are measured."""

_SIGMAS = (1.0, 2.0, 4.0)
_BOOSTING: dict[str, Any] = {"max_iter": 100, "max_leaf_nodes": 15, "min_samples_leaf": 10, "l2_regularization": 1.0}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """A baseline, and what it `sees` in words."""

    name: str
    sees: str
    auc: Metric

    def to_json(self) -> dict[str, Any]:
        """Return the baseline for `audit.json`."""
        return {"name": self.name, "sees": self.sees, "auc": self.auc.to_json()}


def measure_shortcuts(films: Films, groups: NDArray[np.int64]) -> list[Baseline]:
    """Compute the AUC of the file alone, and of the pixels' global statistics alone.

    Args:
        films: of both classes, `STATISTICS_SIDE` pixels a side or more.
        groups: patients, (films,).
    """
    statistics = np.stack([describe_pixels(film) for film in films.pixels])
    return [
        Baseline(name, sees, _measure_auc(features, films.labels, groups))
        for name, sees, features in (
            ("file", "file size, width, height, bytes per pixel", describe_files(films.sizes)),
            ("statistics", "global brightness, contrast and sharpness", statistics),
        )
    ]


def describe_files(sizes: NDArray[np.int64]) -> Floats:
    """Return bytes, width, height and bytes per pixel, (films, 4), of widths, heights and bytes (films, 3)."""
    width, height, size = sizes.T.astype(np.float64)
    return np.column_stack([size, width, height, size / (width * height)])


def describe_pixels(film: NDArray[np.uint8]) -> Floats:
    """Return seven statistics of a film, none dependent on position.

    Median absolute energy in three band-passes (differences of Gaussians of 0, 1, 2 and 4 pixels); mean, standard
    deviation, 1st and 99th percentile of gray levels.
    """
    gray = shrink(film, width=STATISTICS_SIDE, height=STATISTICS_SIDE).astype(np.float32)
    scales = [gray, *(np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), np.float32) for sigma in _SIGMAS)]
    energies = [np.median(np.abs(fine - coarse)) for fine, coarse in pairwise(scales)]
    return np.array([*energies, gray.mean(), gray.std(), *np.percentile(gray, [1, 99])], np.float64)


def _measure_auc(features: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]) -> Metric:
    folds = min(FOLDS, *(len(np.unique(groups[labels == number])) for number in (0, 1)))
    if folds < 2:
        return Metric(None, None, None, "undefined with fewer than 2 patients of a class")
    scores = cross_validate(features, labels, groups, folds=folds, **_BOOSTING)
    return binary_metrics(labels, scores, scores >= 0.5, groups)["auc"]
