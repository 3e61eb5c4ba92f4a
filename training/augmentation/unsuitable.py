"""Films made unsuitable: what the gate's classifier learns to recognise, and what its detection is measured on."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.gate_reference import Reason

Pixels = NDArray[np.uint8]


def invert(film: Pixels) -> Pixels:
    """Exchange black and white, within the gray levels of the film."""
    return np.asarray(film.max() - film + film.min(), np.uint8)


def turn(film: Pixels, quarters: int) -> Pixels:
    """Turn by quarters of a circle, counterclockwise; the film is square."""
    return np.ascontiguousarray(np.rot90(film, quarters))


def flip(film: Pixels) -> Pixels:
    """Turn upside down without exchanging left and right."""
    return np.ascontiguousarray(film[::-1])


def make_blank(film: Pixels, rng: np.random.Generator) -> Pixels:
    """Return an image of one gray level, a gradient or noise, of the size of the film."""
    kind, level = rng.integers(4), rng.uniform(0, 255)
    rows, columns = film.shape
    if kind == 0:
        return np.full_like(film, int(level))
    if kind == 1:
        other, across = rng.uniform(0, 255), rng.random() < 0.5
        ramp = (
            np.linspace(level, other, columns)[np.newaxis] if across else np.linspace(level, other, rows)[:, np.newaxis]
        )
        return np.broadcast_to(ramp, (rows, columns)).astype(np.uint8)
    noise = rng.normal(level, rng.uniform(1, 60), (rows, columns))
    if kind == 2:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 8)), np.float64)
    return np.asarray(noise.clip(0, 255), np.uint8)


CHANGES: dict[str, tuple[Reason, Callable[[Pixels], Pixels]]] = {
    "inverted": ("inverted", invert),
    "turned by 90°": ("on its side", lambda film: turn(film, 1)),
    "turned by 270°": ("on its side", lambda film: turn(film, 3)),
    "turned by 180°": ("upside down", lambda film: turn(film, 2)),
    "flipped upside down": ("upside down", flip),
}
"""By name: the reason that the gate should give, and the change of a square film."""
