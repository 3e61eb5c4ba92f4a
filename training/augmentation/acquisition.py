"""Augmentation for films as the world sends them: cropped, turned, re-encoded, blurred, brighter, flatter, noisier.

In the training split sharpness, shape and compression give the class away. Each is drawn at random here, alike for
both classes, so that none of them is worth learning.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation.noise import add_noise

Pixels = NDArray[np.uint8]

_LEAST_BLUR = 0.2
"""Pixels of sigma; a smaller blur changes nothing."""

_LEVELS = np.arange(256, dtype=np.float32)


@dataclass(frozen=True)
class AcquisitionAugmentation:
    """How far a film may be changed; probabilities are `p_…`, the others are ranges.

    Attributes:
        width: of the result, pixels.
        height: of the result, pixels.
        smallest_area: share of the film's area that a crop keeps at least, drawn evenly.
        largest_area: likewise, at most; over 1 shows what lies around the film.
        aspect: log of the largest stretch of width against height, to either side.
        rotation: degrees, to either side.
        p_flip: mirrored left to right.
        p_shrink: shrunk to `smallest_side` to 0.9 of its side, and enlarged again.
        smallest_side: pixels.
        p_blur: blurred, by a sigma of up to `blur` pixels.
        blur: see `p_blur`.
        p_sharpen: sharpened by unsharp masking, of an amount of up to `sharpen`, where it was not blurred.
        sharpen: see `p_sharpen`.
        p_encode: saved as JPEG, of quality `lowest_quality` to 95.
        lowest_quality: see `p_encode`.
        p_tone: brightness, contrast, gamma and noise changed; drawn once before the saving and once after the crop.
        contrast: log of the largest factor, to either side.
        brightness: gray levels, to either side.
        gamma: log of the largest exponent, to either side.
        noise: gray levels of the strongest Gaussian noise.
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
    p_tone: float = 0.6
    contrast: float = 0.4
    brightness: float = 30.0
    gamma: float = 0.4
    noise: float = 8.0

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Change one film.

        Args:
            pixels: uint8 of shape (rows, columns), larger than the result or as large.
            rng: draws all amounts.

        Returns:
            uint8 of shape (height, width).
        """
        if rng.random() < self.p_shrink:
            side = int(_draw(rng, self.smallest_side, 0.9 * min(pixels.shape)))
            pixels = shrink_and_enlarge(pixels, side, cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
        if rng.random() < self.p_blur:
            sigma = _draw(rng, 0.0, self.blur)
            pixels = _smooth(pixels, sigma, sigma) if sigma >= _LEAST_BLUR else pixels
        elif rng.random() < self.p_sharpen:
            sigma, amount = _draw(rng, 0.8, 2.5), _draw(rng, 0.0, self.sharpen)
            pixels = _gray(cv2.addWeighted(pixels, 1 + amount, _smooth(pixels, sigma, sigma), -amount, 0))
        if rng.random() < self.p_tone:
            pixels = self._change_tone(pixels, rng)
        if rng.random() < self.p_encode:
            pixels = encode_as_jpeg(pixels, int(_draw(rng, self.lowest_quality, 95)))
        pixels = self._crop(pixels, rng)
        return self._change_tone(pixels, rng) if rng.random() < self.p_tone else pixels

    def describe(self) -> dict[str, float]:
        """Answer the ranges, for the run's settings and the model card."""
        return asdict(self)

    def _crop(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Cut out a turned and stretched part and bring it to the size of the result, in one warp."""
        rows, columns = pixels.shape
        area = _draw(rng, self.smallest_area, self.largest_area)
        stretch = math.exp(_draw(rng, -self.aspect, self.aspect))
        across, down = math.sqrt(area * stretch), math.sqrt(area / stretch)
        x = (columns - 1) / 2 + max(0.0, (1 - across) / 2) * columns * _draw(rng, -1, 1)
        y = (rows - 1) / 2 + max(0.0, (1 - down) / 2) * rows * _draw(rng, -1, 1)
        scale_x, scale_y = across * columns / self.width, down * rows / self.height
        if max(scale_x, scale_y) > 1.15:
            # Bilinear sampling alone would alias where more than one pixel falls onto one.
            sigma_x, sigma_y = (0.4 * (scale - 0.9) if scale > 1.15 else 1e-3 for scale in (scale_x, scale_y))
            pixels = _smooth(pixels, sigma_x, sigma_y)
        angle = math.radians(_draw(rng, -self.rotation, self.rotation))
        cosine, sine = math.cos(angle), math.sin(angle)
        scale_x = -scale_x if rng.random() < self.p_flip else scale_x
        matrix = np.array([[cosine * scale_x, -sine * scale_y, x], [sine * scale_x, cosine * scale_y, y]])
        # So far, x and y are where the result's first pixel comes from; they belong to its middle.
        matrix[:, 2] -= matrix[:, 0] * ((self.width - 1) / 2) + matrix[:, 1] * ((self.height - 1) / 2)
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return _gray(cv2.warpAffine(pixels, matrix, (self.width, self.height), flags=flags, borderMode=border))

    def _change_tone(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Change what every gray level becomes, in one table, and half of the time add noise."""
        mean = cv2.mean(pixels)[0]
        contrast = math.exp(_draw(rng, -self.contrast, self.contrast))
        gray = (_LEVELS - mean) * contrast + (mean + _draw(rng, -self.brightness, self.brightness))
        gray = (gray.clip(0, 255) / 255) ** math.exp(_draw(rng, -self.gamma, self.gamma)) * 255
        if rng.random() < 0.5:
            return add_noise(np.asarray(cv2.LUT(pixels, gray), np.float32), _draw(rng, 0.0, self.noise), rng)
        return _gray(cv2.LUT(pixels, gray.astype(np.uint8)))


def encode_as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Save a gray film as JPEG of a quality of 1 to 100, and read it again."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"Expected pixels that JPEG can hold. Received shape {pixels.shape}.")
    return _gray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian of `sigma` pixels; under 0.2 nothing changes."""
    return _gray(cv2.GaussianBlur(pixels, (0, 0), sigma)) if sigma >= _LEAST_BLUR else pixels


def sharpen(pixels: Pixels, sigma: float, amount: float) -> Pixels:
    """Add `amount` of what a blur by `sigma` pixels takes away (unsharp masking)."""
    return _gray(cv2.addWeighted(pixels, 1 + amount, blur(pixels, sigma), -amount, 0))


def shrink_and_enlarge(pixels: Pixels, side: int, interpolation: int = cv2.INTER_LINEAR) -> Pixels:
    """Shrink to `side` × `side` by area averaging, and bring it back to its size."""
    rows, columns = pixels.shape
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return _gray(cv2.resize(small, (columns, rows), interpolation=interpolation))


def change_contrast(pixels: Pixels, factor: float, offset: float = 0.0) -> NDArray[np.float32]:
    """Stretch the gray levels about their mean by `factor`, then add `offset`; float32, not clipped."""
    gray = pixels.astype(np.float32)
    mean = gray.mean()
    return np.asarray((gray - mean) * factor + mean + offset, np.float32)


def _smooth(pixels: Pixels, sigma_x: float, sigma_y: float) -> Pixels:
    """Blur by a Gaussian as `blur` does, in a third of its time and with the exact sums rounded.

    `blur` stays as it is, for published figures were measured with it.
    """
    across, down = (cv2.getGaussianKernel(round(sigma * 6 + 1) | 1, sigma) for sigma in (sigma_x, sigma_y))
    return _gray(cv2.sepFilter2D(pixels, -1, across, down))


def _draw(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw as `rng.uniform` does, in a third of its time."""
    return low + (high - low) * rng.random()


def _gray(pixels: object) -> Pixels:
    return np.asarray(pixels, np.uint8)
