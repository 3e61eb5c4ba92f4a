"""Operations on a film, uint8 (rows, columns), for augmentation and perturbations."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

LEAST_SIGMA = 0.2
"""Pixels; less changes nothing."""


def encode_as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Encode as JPEG of quality 1 to 100, and decode."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"Expected pixels that JPEG can hold. Received shape {pixels.shape}.")
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian of `sigma` pixels, `LEAST_SIGMA` or more."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8) if sigma >= LEAST_SIGMA else pixels


def blur_axes(pixels: Pixels, sigma_x: float, sigma_y: float) -> Pixels:
    """Blur each axis by its sigma, in a third of `blur`'s time; sums are rounded once.

    `blur` stays: published metrics used it.
    """
    across, down = (cv2.getGaussianKernel(round(sigma * 6 + 1) | 1, sigma) for sigma in (sigma_x, sigma_y))
    return np.asarray(cv2.sepFilter2D(pixels, -1, across, down), np.uint8)


def sharpen(pixels: Pixels, sigma: float, amount: float) -> Pixels:
    """Add `amount` of what a blur by `sigma` pixels removes."""
    return add_difference(pixels, blur(pixels, sigma), amount)


def add_difference(pixels: Pixels, blurred: Pixels, amount: float) -> Pixels:
    """Add `amount` of the difference to a blurred film (unsharp masking)."""
    return np.asarray(cv2.addWeighted(pixels, 1 + amount, blurred, -amount, 0), np.uint8)


def shrink_and_enlarge(pixels: Pixels, side: int, interpolation: int = cv2.INTER_LINEAR) -> Pixels:
    """Shrink to `side` × `side` by area averaging, and enlarge again."""
    rows, columns = pixels.shape
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=interpolation), np.uint8)


def change_contrast(pixels: Pixels, factor: float, offset: float = 0.0) -> NDArray[np.float32]:
    """Stretch gray levels about their mean, then add `offset`; not clipped."""
    gray = pixels.astype(np.float32)
    mean = gray.mean()
    return np.asarray((gray - mean) * factor + mean + offset, np.float32)
