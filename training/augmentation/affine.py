"""The article's augmentation: one affine warp, sampled as Keras' ImageDataGenerator does."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AffineAugmentation:
    """Ranges of the warp, each uniform.

    Attributes:
        rotation: degrees, either way.
        zoom: of each axis separately, 1 - zoom to 1 + zoom.
        shift: proportion of height and width, either way.
    """

    rotation: float = 30.0
    zoom: float = 0.2
    shift: float = 0.1

    def __call__(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Warp a film, uint8 (height, width), to the same shape: bilinear, edge replicated, no flip."""
        height, width = pixels.shape
        matrix = self.sample(height, width, rng)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(pixels, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return warped.astype(np.uint8, copy=False)

    def sample(self, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Sample the map (x, y) of result → film about its centre, float64 (2, 3): zoom, shift, rotation."""
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        shift = rng.uniform(-self.shift, self.shift, 2) * (width, height)
        zoom = rng.uniform(1 - self.zoom, 1 + self.zoom, 2)
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = rotation * zoom
        offset = centre + rotation @ shift - linear @ centre
        return np.column_stack([linear, offset])

    def describe(self) -> dict[str, float]:
        """Return the ranges by name."""
        return asdict(self)
