"""The article's augmentation: one affine warp a film, sampled as Keras' ImageDataGenerator samples it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AffineAugmentation:
    """Ranges of the warp; every amount is uniform in its range.

    Attributes:
        rotation: degrees, to either side.
        zoom: of each axis separately, from 1 - zoom to 1 + zoom.
        shift: proportion of the height and of the width, to either side.
    """

    rotation: float = 30.0
    zoom: float = 0.2
    shift: float = 0.1

    def __call__(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Warp one film: bilinear, the edge replicated outward, no flip.

        Args:
            pixels: uint8 of shape (height, width).
            rng: samples the amounts.

        Returns:
            uint8 of the same shape.
        """
        height, width = pixels.shape
        matrix = self.sample(height, width, rng)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(pixels, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return warped.astype(np.uint8, copy=False)

    def sample(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sample the map from a point of the result to its point of the film: zoom, then shift, then rotation.

        Returns:
            float64 of shape (2, 3) in (x, y), about the film's centre.
        """
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        shift = rng.uniform(-self.shift, self.shift, 2) * (width, height)
        zoom = rng.uniform(1 - self.zoom, 1 + self.zoom, 2)
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = rotation * zoom
        offset = centre + rotation @ shift - linear @ centre
        return np.column_stack([linear, offset])

    def describe(self) -> dict[str, float]:
        """Return the ranges, for the run's settings and the model card."""
        return asdict(self)
