"""How alike two class activation maps are: rank correlation and structural similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW = 7
"""Cells a side of the SSIM's windows, or the map's side where that is less."""

_C1, _C2 = 0.01**2, 0.03**2


def rank_correlations(maps: NDArray[Any], others: NDArray[Any]) -> Floats:
    """Return Spearman's rank correlation of the values of each map with those of another, -1 to 1.

    Ties share their mean rank. A constant map correlates with nothing: 0.

    Args:
        maps: (films, rows, columns).
        others: likewise.

    Returns:
        (films,).
    """
    # SciPy takes half a second to import.
    from scipy.stats import rankdata

    ranks, other_ranks = (rankdata(each.reshape(len(each), -1), axis=1) for each in (maps, others))
    ranks, other_ranks = (each - each.mean(axis=1, keepdims=True) for each in (ranks, other_ranks))
    spread = np.sqrt((ranks**2).sum(axis=1) * (other_ranks**2).sum(axis=1))
    correlations: Floats = np.divide((ranks * other_ranks).sum(axis=1), spread, np.zeros(len(maps)), where=spread > 0)
    return correlations


def structural_similarities(maps: NDArray[Any], others: NDArray[Any]) -> Floats:
    """Return the SSIM of each map with another, -1 to 1 (Wang et al. 2004, "Image quality assessment").

    Each map is scaled by its largest absolute value to 0..1, so that 0.5 is no evidence: the SSIM is made for values
    that are not negative, and takes a zero-centred map for its own negative. Windows are uniform, of map cells. On a
    map enlarged to a film's size they would be smaller than a cell, where interpolation makes all maps alike.

    Args:
        maps: (films, rows, columns).
        others: likewise.

    Returns:
        (films,).
    """
    windows, other_windows = _cut(_scale(maps)), _cut(_scale(others))
    mean, other_mean = windows.mean(axis=2), other_windows.mean(axis=2)
    covariance = (windows * other_windows).mean(axis=2) - mean * other_mean
    likeness = (2 * mean * other_mean + _C1) * (2 * covariance + _C2)
    likeness /= (mean**2 + other_mean**2 + _C1) * (windows.var(axis=2) + other_windows.var(axis=2) + _C2)
    similarities: Floats = likeness.mean(axis=1)
    return similarities


def _scale(maps: NDArray[Any]) -> Floats:
    """Scale each map to 0..1, zero becoming 0.5."""
    largest = np.abs(maps.astype(np.float64)).max(axis=(1, 2), keepdims=True)
    scaled: Floats = 0.5 + maps / np.where(largest > 0, 2 * largest, 1)
    return scaled


def _cut(maps: Floats) -> Floats:
    """Return all windows of each map, (films, windows, cells)."""
    side = min(WINDOW, *maps.shape[1:])
    windows: Floats = sliding_window_view(maps, (side, side), axis=(1, 2)).reshape(len(maps), -1, side**2)
    return windows
