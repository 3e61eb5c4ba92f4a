"""Gaussian noise from stored numbers: generating one for every pixel takes twenty times as long as adding it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_STORED = 1 << 20
"""Numbers from which a film takes a run that begins anywhere."""


def add_noise(gray: Floats, sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add Gaussian noise and round down.

    Args:
        gray: float32 of shape (rows, columns), 0 to 255.
        sigma: of the noise, gray levels.
        rng: samples which stored numbers are added.

    Returns:
        uint8 of the same shape, clipped to 0..255.
    """
    stored = _store(gray.size)
    first = int(rng.integers(_STORED))
    noise = stored[first : first + gray.size].reshape(gray.shape)
    # OpenCV rounds to the nearest, halves to even: a little less than half a level keeps whole levels.
    return np.asarray(cv2.addWeighted(gray, 1.0, noise, sigma, -0.499, dtype=cv2.CV_8U), np.uint8)


@cache
def _store(size: int) -> Floats:
    """Return standard normal numbers, always the same, of which any run of `size` can be taken."""
    stored = np.random.default_rng(0).standard_normal(_STORED, np.float32)
    return np.resize(stored, _STORED + size)
