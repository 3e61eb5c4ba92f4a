"""Colour pictures → gray, and samples of more than 8 bits → 8."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.notice import Notice

Gray = NDArray[np.uint8]
Samples = NDArray[np.uint8 | np.uint16]

COLOUR_DIFFERENCE = 24
COLOUR_PROPORTION = 0.01
# Colour becomes gray in bands of so many pixels, to bound memory.
_BAND_PIXELS = 1 << 20


def scale_to_8_bit(samples: Samples, bits: int) -> Gray:
    """Return samples of which 0 to 2**bits - 1 is the range as uint8, rounded; uint8 samples as they are."""
    if samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    return cv2.convertScaleAbs(samples, alpha=255 / ((1 << bits) - 1)).astype(np.uint8, copy=False)


def turn_gray(pixels: Samples, conversion: int, bits: int = 8) -> tuple[Gray, tuple[Notice, ...]]:
    """Return (rows, columns, 3 or 4) as 8-bit gray, the fourth as alpha over black.

    A notice follows where channels differ by over `COLOUR_DIFFERENCE` in over `COLOUR_PROPORTION` of the pixels.
    """
    rows, columns, channels = pixels.shape
    gray = np.empty((rows, columns), np.uint8)
    coloured = 0
    step = max(1, _BAND_PIXELS // columns)
    for top in range(0, rows, step):
        band = pixels[top : top + step]
        colour = scale_to_8_bit(np.ascontiguousarray(band[..., :3]), bits)
        if channels == 4:
            alpha = scale_to_8_bit(np.ascontiguousarray(band[..., 3]), 16)[..., np.newaxis]
            colour = ((colour.astype(np.uint16) * alpha + 127) // 255).astype(np.uint8)
        gray[top : top + step] = cv2.cvtColor(colour, conversion)
        coloured += _count_coloured(colour)
    if coloured <= COLOUR_PROPORTION * rows * columns:
        return gray, ()
    detail = "The picture is in colour: it was turned to gray, as no X-ray needs to be."
    return gray, (Notice("colour-image", detail),)


def _count_coloured(pixels: Gray) -> int:
    first, second, third = cv2.split(pixels)
    highest = cv2.max(cv2.max(first, second), third)
    lowest = cv2.min(cv2.min(first, second), third)
    return cv2.countNonZero(cv2.inRange(cv2.subtract(highest, lowest), COLOUR_DIFFERENCE + 1, 255))
