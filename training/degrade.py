"""Augmentation for films as the world sends them: cropped, turned, re-encoded, blurred, brighter, flatter, noisier.

In the training split sharpness, shape and compression give the class away. Each is drawn at random here, alike for
both classes, so that none of them is worth learning.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class WorldAugmentation:
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
            side = int(rng.uniform(self.smallest_side, 0.9 * min(pixels.shape)))
            pixels = shrink_and_enlarge(pixels, side, cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
        if rng.random() < self.p_blur:
            pixels = blur(pixels, rng.uniform(0.0, self.blur))
        elif rng.random() < self.p_sharpen:
            pixels = sharpen(pixels, rng.uniform(0.8, 2.5), rng.uniform(0.0, self.sharpen))
        if rng.random() < self.p_tone:
            pixels = self._change_tone(pixels, rng)
        if rng.random() < self.p_encode:
            pixels = encode_as_jpeg(pixels, int(rng.uniform(self.lowest_quality, 95)))
        pixels = self._crop(pixels, rng)
        return self._change_tone(pixels, rng) if rng.random() < self.p_tone else pixels

    def describe(self) -> dict[str, float]:
        """Answer the ranges, for the run's settings and the model card."""
        return asdict(self)

    def _crop(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """Cut out a turned and stretched part and bring it to the size of the result, in one warp."""
        rows, columns = pixels.shape
        area = rng.uniform(self.smallest_area, self.largest_area)
        stretch = np.exp(rng.uniform(-self.aspect, self.aspect))
        share = np.array([np.sqrt(area * stretch), np.sqrt(area / stretch)])
        room = np.maximum(0.0, (1 - share) / 2) * (columns, rows)
        centre = np.array([(columns - 1) / 2, (rows - 1) / 2]) + rng.uniform(-room, room)
        scale = share * (columns / self.width, rows / self.height)
        # Bilinear sampling alone would alias where more than one pixel falls onto one.
        sigma = np.where(scale > 1.15, 0.4 * (scale - 0.9), 1e-3)
        if np.any(scale > 1.15):
            pixels = _gray(cv2.GaussianBlur(pixels, (0, 0), sigmaX=sigma[0], sigmaY=sigma[1]))
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
        if rng.random() < self.p_flip:
            linear = linear * (-1, 1)
        target = np.array([(self.width - 1) / 2, (self.height - 1) / 2])
        matrix = np.column_stack([linear, centre - linear @ target])
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return _gray(cv2.warpAffine(pixels, matrix, (self.width, self.height), flags=flags, borderMode=border))

    def _change_tone(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        contrast = np.exp(rng.uniform(-self.contrast, self.contrast))
        gray = change_contrast(pixels, contrast, rng.uniform(-self.brightness, self.brightness))
        gray = (np.clip(gray, 0, 255) / 255) ** np.exp(rng.uniform(-self.gamma, self.gamma)) * 255
        if rng.random() < 0.5:
            gray = gray + rng.normal(0.0, rng.uniform(0.0, self.noise), gray.shape)
        return _gray(np.clip(gray, 0, 255))


def encode_as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Save a gray film as JPEG of a quality of 1 to 100, and read it again."""
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"Expected pixels that JPEG can hold. Received shape {pixels.shape}.")
    return _gray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian of `sigma` pixels; under 0.2 nothing changes."""
    return _gray(cv2.GaussianBlur(pixels, (0, 0), sigma)) if sigma >= 0.2 else pixels


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


def _gray(pixels: object) -> Pixels:
    return np.asarray(pixels, np.uint8)
