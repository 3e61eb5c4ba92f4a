"""Augmentation of pairs of a film and its lung mask, at MASK_SIDE pixels: place, opacities, tones, noise."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation.lungs import IS_LUNG, Pixels

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LungPairAugmentation:
    """Ranges of the variation; `p_…` are probabilities. Place changes film and mask alike, all else the film alone.

    Attributes:
        rotation: degrees, to either side.
        smaller: log of the greatest shrinking.
        larger: log of the greatest enlargement.
        aspect: log of the largest stretch of width, to either side.
        shift: pixels, to either side.
        p_flip: mirrored left to right.
        p_opacities: one to four bright blobs drawn in the lungs, which the mask keeps.
        opacity: greatest gray level of a blob.
        p_blur: blurred, by a sigma of up to `blur` pixels.
        blur: see `p_blur`.
        contrast: log of the largest factor, to either side.
        brightness: gray levels, to either side.
        gamma: log of the largest exponent, to either side.
        noise: gray levels, the largest sigma of the Gaussian noise.
        p_invert: inverted.
    """

    rotation: float = 15.0
    smaller: float = 0.25
    larger: float = 0.3
    aspect: float = 0.15
    shift: float = 7.0
    p_flip: float = 0.5
    p_opacities: float = 0.6
    opacity: float = 130.0
    p_blur: float = 0.5
    blur: float = 1.6
    contrast: float = 0.5
    brightness: float = 35.0
    gamma: float = 0.5
    noise: float = 10.0
    p_invert: float = 0.04

    def __call__(self, film: Pixels, mask: Pixels, rng: np.random.Generator) -> tuple[Floats, Pixels]:
        """Vary one pair.

        Args:
            film: uint8 of shape (side, side).
            mask: uint8 of the same shape.
            rng: samples all amounts.

        Returns:
            the film, float32 and not clipped after its noise; and the mask, uint8.
        """
        film, mask = self._move(film, mask, rng)
        gray = film.astype(np.float32)
        if rng.random() < self.p_opacities:
            gray = self._draw_opacities(gray, mask, rng)
        return self._vary_tones(gray, rng), mask

    def describe(self) -> dict[str, float]:
        """Return the ranges, for the record of a training."""
        return asdict(self)

    def _move(self, film: Pixels, mask: Pixels, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
        side = len(film)
        centre = (side - 1) / 2
        angle, scale = rng.uniform(-self.rotation, self.rotation), math.exp(rng.uniform(-self.smaller, self.larger))
        matrix = np.asarray(cv2.getRotationMatrix2D((centre, centre), angle, scale), np.float64)
        stretch = math.exp(rng.uniform(-self.aspect, self.aspect))
        # About the centre, as rotation and scale are.
        matrix[:, 2] += matrix[:, 0] * (centre * (1 - stretch)) + rng.uniform(-self.shift, self.shift, 2)
        matrix[:, 0] *= stretch
        if rng.random() < self.p_flip:
            film, mask = np.ascontiguousarray(film[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        return (
            np.asarray(cv2.warpAffine(film, matrix, (side, side), borderMode=border), np.uint8),
            np.asarray(cv2.warpAffine(mask, matrix, (side, side)), np.uint8),
        )

    def _draw_opacities(self, gray: Floats, mask: Pixels, rng: np.random.Generator) -> Floats:
        """Add Gaussian blobs that are centred in the lungs; half of them end at the mask's edge."""
        rows, columns = np.nonzero(mask > IS_LUNG)
        if not len(rows):
            return gray
        down, across = np.mgrid[: len(gray), : len(gray)]
        for _ in range(rng.integers(1, 5)):
            centre = rng.integers(len(rows))
            height, width = rng.uniform(2, 12, 2)
            blob = np.exp(-(((down - rows[centre]) / height) ** 2 + ((across - columns[centre]) / width) ** 2) / 2)
            if rng.random() < 0.5:
                blob = blob * (mask > IS_LUNG)
            gray = gray + (blob * rng.uniform(20, self.opacity)).astype(np.float32)
        return gray

    def _vary_tones(self, gray: Floats, rng: np.random.Generator) -> Floats:
        if rng.random() < self.p_blur:
            gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.3, self.blur)), np.float32)
        mean, factor = gray.mean(), math.exp(rng.uniform(-self.contrast, self.contrast))
        varied = np.clip((gray - mean) * factor + mean + rng.uniform(-self.brightness, self.brightness), 0, 255)
        varied = 255 * (varied / 255) ** math.exp(rng.uniform(-self.gamma, self.gamma))
        varied = varied + rng.normal(0, rng.uniform(0, self.noise), varied.shape)
        if rng.random() < self.p_invert:
            varied = 255 - varied
        return np.asarray(varied, np.float32)
