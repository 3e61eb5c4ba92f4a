"""Augmentation by acquisition variation: crop, rotation, resolution, sharpness, re-encoding, gray levels, noise.

In the training split, sharpness, aspect ratio and compression predict the class. Here each is sampled in the same way
for both classes, so that none is a shortcut feature worth learning.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from training.augmentation.filters import (
    LEAST_SIGMA,
    Pixels,
    add_difference,
    blur_axes,
    encode_as_jpeg,
    shrink_and_enlarge,
)
from training.augmentation.noise import add_noise

_LEVELS = np.arange(256, dtype=np.float32)
_ALIASING_SCALE = 1.15
"""Film pixels per result pixel from which a crop is blurred before it is sampled."""


@dataclass(frozen=True)
class AcquisitionAugmentation:
    """Ranges of the variation; `p_…` are probabilities.

    Attributes:
        width: of the result, pixels.
        height: of the result, pixels.
        smallest_area: least proportion of the film's area in a crop; the area is uniform.
        largest_area: greatest one; over 1 shows what lies around the film.
        aspect: log of the largest stretch of width against height, to either side.
        rotation: degrees, to either side.
        p_flip: mirrored left to right.
        p_shrink: shrunk to `smallest_side` to 0.9 of its side, and enlarged again.
        smallest_side: pixels.
        p_blur: blurred, by a sigma of up to `blur` pixels.
        blur: see `p_blur`.
        p_sharpen: of a film that was not blurred: unsharp masking by up to `sharpen`.
        sharpen: see `p_sharpen`.
        p_encode: encoded as JPEG, of quality `lowest_quality` to 95.
        lowest_quality: see `p_encode`.
        p_intensity: of `vary_intensity`, before the encoding and again after the crop.
        contrast: see `vary_intensity`.
        brightness: likewise.
        gamma: likewise.
        noise: likewise.
    """

    width: int = 150
    height: int = 150
    smallest_area: float = 0.25
    largest_area: float = 1.2
    aspect: float = 0.35
    rotation: float = 12.0
    p_flip: float = 0.5
    p_shrink: float = 0.5
    smallest_side: int = 80
    p_blur: float = 0.5
    blur: float = 2.5
    p_sharpen: float = 0.5
    sharpen: float = 2.0
    p_encode: float = 0.6
    lowest_quality: int = 20
    p_intensity: float = 0.6
    contrast: float = 0.4
    brightness: float = 30.0
    gamma: float = 0.4
    noise: float = 8.0

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Vary one film.

        Args:
            pixels: uint8 of shape (rows, columns), larger than the result or as large.
            rng: samples all amounts.

        Returns:
            uint8 of shape (height, width).
        """
        pixels = self._vary_intensity(self._vary_sharpness(pixels, rng), rng)
        if rng.random() < self.p_encode:
            pixels = encode_as_jpeg(pixels, int(_uniform(rng, self.lowest_quality, 95)))
        return self._vary_intensity(self._crop(pixels, rng), rng)

    def describe(self) -> dict[str, float]:
        """Return the ranges, for the run's settings and the model card."""
        return asdict(self)

    def _vary_sharpness(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        if rng.random() < self.p_shrink:
            side = int(_uniform(rng, self.smallest_side, 0.9 * min(pixels.shape)))
            pixels = shrink_and_enlarge(pixels, side, cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
        if rng.random() < self.p_blur:
            sigma = _uniform(rng, 0.0, self.blur)
            return blur_axes(pixels, sigma, sigma) if sigma >= LEAST_SIGMA else pixels
        if rng.random() < self.p_sharpen:
            sigma, amount = _uniform(rng, 0.8, 2.5), _uniform(rng, 0.0, self.sharpen)
            return add_difference(pixels, blur_axes(pixels, sigma, sigma), amount)
        return pixels

    def _vary_intensity(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        if rng.random() >= self.p_intensity:
            return pixels
        return vary_intensity(
            pixels, rng, contrast=self.contrast, brightness=self.brightness, gamma=self.gamma, noise=self.noise
        )

    def _crop(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Bring a rotated and stretched part of the film to the size of the result, in one warp."""
        rows, columns = pixels.shape
        area = _uniform(rng, self.smallest_area, self.largest_area)
        stretch = math.exp(_uniform(rng, -self.aspect, self.aspect))
        across, down = math.sqrt(area * stretch), math.sqrt(area / stretch)
        x = (columns - 1) / 2 + max(0.0, (1 - across) / 2) * columns * _uniform(rng, -1, 1)
        y = (rows - 1) / 2 + max(0.0, (1 - down) / 2) * rows * _uniform(rng, -1, 1)
        scale_x, scale_y = across * columns / self.width, down * rows / self.height
        pixels = _prevent_aliasing(pixels, scale_x, scale_y)
        angle = math.radians(_uniform(rng, -self.rotation, self.rotation))
        cosine, sine = math.cos(angle), math.sin(angle)
        scale_x = -scale_x if rng.random() < self.p_flip else scale_x
        matrix = np.array([[cosine * scale_x, -sine * scale_y, x], [sine * scale_x, cosine * scale_y, y]])
        # So far the result's first pixel comes from (x, y), which belongs to its centre.
        matrix[:, 2] -= matrix[:, 0] * ((self.width - 1) / 2) + matrix[:, 1] * ((self.height - 1) / 2)
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(pixels, matrix, (self.width, self.height), flags=flags, borderMode=border)
        return np.asarray(warped, np.uint8)


def vary_intensity(
    pixels: Pixels, rng: np.random.Generator, *, contrast: float, brightness: float, gamma: float, noise: float
) -> Pixels:
    """Change contrast about the mean, brightness and gamma in one table; with a probability of 0.5 add noise.

    Args:
        pixels: uint8 of shape (rows, columns).
        rng: samples all amounts.
        contrast: log of the largest factor, to either side.
        brightness: gray levels, to either side.
        gamma: log of the largest exponent, to either side.
        noise: gray levels, the largest sigma of the Gaussian noise.

    Returns:
        uint8 of the same shape, rounded down.
    """
    mean = cv2.mean(pixels)[0]
    factor = math.exp(_uniform(rng, -contrast, contrast))
    gray = (_LEVELS - mean) * factor + (mean + _uniform(rng, -brightness, brightness))
    gray = (gray.clip(0, 255) / 255) ** math.exp(_uniform(rng, -gamma, gamma)) * 255
    if rng.random() < 0.5:
        return add_noise(np.asarray(cv2.LUT(pixels, gray), np.float32), _uniform(rng, 0.0, noise), rng)
    return np.asarray(cv2.LUT(pixels, gray.astype(np.uint8)), np.uint8)


def _prevent_aliasing(pixels: Pixels, scale_x: float, scale_y: float) -> Pixels:
    """Blur along each axis on which bilinear sampling would skip pixels."""
    if max(scale_x, scale_y) <= _ALIASING_SCALE:
        return pixels
    sigma_x, sigma_y = (0.4 * (scale - 0.9) if scale > _ALIASING_SCALE else 1e-3 for scale in (scale_x, scale_y))
    return blur_axes(pixels, sigma_x, sigma_y)


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Sample as `rng.uniform` does, in a third of its time."""
    return low + (high - low) * rng.random()
