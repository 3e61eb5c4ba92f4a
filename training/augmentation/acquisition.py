"""Augmentation by acquisition variation, sampled alike for both classes.

Sharpness, aspect ratio and compression predict the class of training films: here none stays a shortcut feature.
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
"""Film pixels per result pixel above which crops are blurred first."""


@dataclass(frozen=True)
class AcquisitionAugmentation:
    """Ranges of the variation; `p_…` are probabilities.

    Attributes:
        width, height: pixels.
        smallest_area: least proportion of the film's area in a crop; uniform.
        largest_area: greatest; over 1 shows the film's surroundings.
        aspect: log of the largest stretch of width against height, either way.
        rotation: degrees, either way.
        p_flip: left to right.
        p_shrink: to between `smallest_side` pixels and 0.9 of the side, and back.
        p_blur: by a sigma up to `blur` pixels.
        p_sharpen: of a film not blurred: unsharp masking by up to `sharpen`.
        p_encode: as JPEG of quality `lowest_quality` to 95.
        p_intensity: of `vary_intensity`, before encoding and again after the crop.
        contrast, brightness, gamma, noise: see `vary_intensity`.
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
        """Vary a film, uint8 (rows, columns), at least as large as the result: uint8 (height, width)."""
        pixels = self._vary_intensity(self._vary_sharpness(pixels, rng), rng)
        if rng.random() < self.p_encode:
            pixels = encode_as_jpeg(pixels, int(_uniform(rng, self.lowest_quality, 95)))
        return self._vary_intensity(self._crop(pixels, rng), rng)

    def describe(self) -> dict[str, float]:
        """Return the ranges by name."""
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
        """Warp a rotated, stretched part of the film to the result's size."""
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
        # (x, y) belongs to the result's centre, not its first pixel.
        matrix[:, 2] -= matrix[:, 0] * ((self.width - 1) / 2) + matrix[:, 1] * ((self.height - 1) / 2)
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(pixels, matrix, (self.width, self.height), flags=flags, borderMode=border)
        return np.asarray(warped, np.uint8)


def vary_intensity(
    pixels: Pixels, rng: np.random.Generator, *, contrast: float, brightness: float, gamma: float, noise: float
) -> Pixels:
    """Change contrast about the mean, brightness and gamma; with probability 0.5 add Gaussian noise.

    Args:
        pixels: uint8 (rows, columns); so is the result, rounded down.
        rng: samples all amounts.
        contrast: log of the largest factor, either way.
        brightness: gray levels, either way.
        gamma: log of the largest exponent, either way.
        noise: largest sigma, gray levels.
    """
    mean = cv2.mean(pixels)[0]
    factor = math.exp(_uniform(rng, -contrast, contrast))
    gray = (_LEVELS - mean) * factor + (mean + _uniform(rng, -brightness, brightness))
    gray = (gray.clip(0, 255) / 255) ** math.exp(_uniform(rng, -gamma, gamma)) * 255
    if rng.random() < 0.5:
        return add_noise(np.asarray(cv2.LUT(pixels, gray), np.float32), _uniform(rng, 0.0, noise), rng)
    return np.asarray(cv2.LUT(pixels, gray.astype(np.uint8)), np.uint8)


def _prevent_aliasing(pixels: Pixels, scale_x: float, scale_y: float) -> Pixels:
    """Blur axes on which bilinear sampling would skip pixels."""
    if max(scale_x, scale_y) <= _ALIASING_SCALE:
        return pixels
    sigma_x, sigma_y = (0.4 * (scale - 0.9) if scale > _ALIASING_SCALE else 1e-3 for scale in (scale_x, scale_y))
    return blur_axes(pixels, sigma_x, sigma_y)


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Sample as `rng.uniform`, in a third of its time."""
    return low + (high - low) * rng.random()
