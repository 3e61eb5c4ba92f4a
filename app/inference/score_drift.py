"""Whether the films of late get other scores than the model's validation films."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WINDOW_FILMS = 1000
FEWEST_FILMS = 200
"""Films below which no index is given: by chance alone it would be large."""

_BINS = 10
SCORES_FILE = "validation_scores.json"
"""In an entry: logits and labels of its unperturbed validation films."""


class ScoreDrift:
    """Population stability index of the last logits against reference logits (Siddiqi 2006).

    0.10 is a moderate and 0.25 a strong shift. Another proportion of pneumonia than among the validation films shifts
    scores as well.
    """

    def __init__(self, reference: NDArray[np.float64] | None) -> None:
        """`reference`: logits (films,); None: there is nothing to compare with."""
        self._edges = self._expected = None
        self._counts = np.zeros(_BINS, np.int64)
        self._window: deque[int] = deque()
        if reference is not None and reference.size >= FEWEST_FILMS:
            self._edges = np.quantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1])
            self._expected = proportions(np.bincount(np.searchsorted(self._edges, reference), minlength=_BINS))

    def observe(self, logit: float) -> None:
        """Take a film into the window, and the oldest out of a full one."""
        if self._edges is None:
            return
        if len(self._window) == WINDOW_FILMS:
            self._counts[self._window.popleft()] -= 1
        bin_ = int(self._edges.searchsorted(logit))
        self._window.append(bin_)
        self._counts[bin_] += 1

    def index(self) -> float:
        """Return the index, 0 or more; NaN without reference, or under `FEWEST_FILMS` films."""
        if self._expected is None or len(self._window) < FEWEST_FILMS:
            return float("nan")
        return stability_index(self._expected, proportions(self._counts))


def read_reference(folder: Path) -> NDArray[np.float64] | None:
    """Return the logits of an entry's validation films, float64 (films,); None where it holds none."""
    try:
        logits = np.array(json.loads((folder / SCORES_FILE).read_bytes())["logits"], np.float64)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return logits if logits.ndim == 1 and np.isfinite(logits).all() else None


def proportions(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the proportions of films in bins, with half a film more in each: an empty bin would be infinitely far."""
    found: NDArray[np.float64] = (counts + 0.5) / (counts.sum() + len(counts) / 2)
    return found


def stability_index(expected: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Return the population stability index of two distributions over the same bins, 0 or more (Siddiqi 2006)."""
    return float(np.sum((found - expected) * np.log(found / expected)))
