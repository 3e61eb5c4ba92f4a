"""Gaussian noise from stored numbers: generating takes twenty times as long as adding."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_STORED = 1 << 20
"""Stored numbers; a film takes a run from anywhere."""


def add_noise(gray: Floats, sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add noise of `sigma` gray levels to float32 (rows, columns), 0 to 255; round down and clip to uint8."""
    stored = _store(gray.size)
    first = int(rng.integers(_STORED))
    noise = stored[first : first + gray.size].reshape(gray.shape)
    # OpenCV rounds to nearest, halves to even: a little under half a level keeps whole levels.
    return np.asarray(cv2.addWeighted(gray, 1.0, noise, sigma, -0.499, dtype=cv2.CV_8U), np.uint8)


@cache
def _store(size: int) -> Floats:
    """Return fixed standard normal numbers, for runs of `size`."""
    stored = np.random.default_rng(0).standard_normal(_STORED, np.float32)
    return np.resize(stored, _STORED + size)
