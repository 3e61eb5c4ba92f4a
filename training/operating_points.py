"""The thresholds on the logit that a finished model offers, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from training.metrics import youden_threshold

Choose = Callable[[NDArray[Any], NDArray[Any]], float]

CHOICES: dict[str, tuple[Choose, str]] = {
    "half": (lambda _labels, _logits: 0.0, "probability 0.5 before calibration: logit 0, not chosen on any film"),
    "balanced": (youden_threshold, "the highest sensitivity + specificity on the validation films (Youden 1950)"),
}
"""Name → (labels and logits of the validation films → threshold, what it is in words)."""


def choose_points(names: tuple[str, ...], labels: NDArray[Any], logits: NDArray[Any]) -> dict[str, float]:
    """Choose each named threshold on validation films.

    Args:
        names: from `CHOICES`.
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        logits: likewise.
    """
    return {name: CHOICES[name][0](labels, logits) for name in names}
