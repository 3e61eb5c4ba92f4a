"""The perturbations of an audit: axes of several steps, a marker, and masks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation.perturbations import (
    Perturbation,
    blur_by,
    encode,
    resize_to,
    rotate,
    scale_brightness,
    scale_contrast,
    sharpen_by,
)
from training.data.films import SOURCE_SIDE

Pixels = NDArray[np.uint8]
Corner = Literal["left", "right"]
CORNERS: tuple[Corner, ...] = ("left", "right")

CENTRE = 0.7
"""Proportion of width and height blacked out, or kept alone."""

_MARKER_HEIGHT = 0.075
_MARGIN = 0.05
_WHITE = 255


@dataclass(frozen=True)
class Axis:
    """A perturbation in `steps`: `name` with its unit, and the `unperturbed` amount."""

    name: str
    unperturbed: float
    steps: tuple[tuple[float, Perturbation], ...]


def _axis(name: str, unperturbed: float, make: Callable[..., Perturbation], amounts: tuple[float, ...]) -> Axis:
    return Axis(name, unperturbed, tuple((amount, make(amount)) for amount in amounts))


AXES = (
    _axis("JPEG quality", 100, encode, (95, 80, 60, 45, 30)),
    _axis(f"blur, sigma in pixels of {SOURCE_SIDE}", 0, blur_by, (0.5, 1, 1.5, 2)),
    _axis("sharpening, amount", 0, sharpen_by, (0.5, 1, 2)),
    _axis("brightness, factor", 1, scale_brightness, (0.7, 0.8, 0.9, 1.1, 1.2, 1.3)),
    _axis("contrast, factor", 1, scale_contrast, (0.7, 0.8, 0.9, 1.1, 1.2, 1.3)),
    _axis("size, pixels a side", SOURCE_SIDE, resize_to, (160, 112, 80)),
    _axis("rotation, degrees", 0, rotate, (-10, -6, -3, 3, 6, 10)),
)

IN_CRITERION = tuple(
    perturbation.name
    for perturbation in (
        *(encode(quality) for quality in (95, 80, 60, 45, 30)),
        *(blur_by(sigma) for sigma in (1, 2)),
        *(scale_brightness(factor) for factor in (0.8, 1.2)),
        *(scale_contrast(factor) for factor in (0.8, 1.2)),
    )
)
"""Steps of the robustness criterion."""


def draw_marker(film: Pixels, corner: Corner) -> Pixels:
    """Draw a bright R, as of lead, into an upper corner."""
    rows, columns = film.shape
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, round(_MARKER_HEIGHT * rows), 2)
    (width, height), _ = cv2.getTextSize("R", cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    margin = round(_MARGIN * columns)
    left = margin if corner == "left" else columns - margin - width
    origin = (left, round(_MARGIN * rows) + height)
    marked = film.copy()
    cv2.putText(marked, "R", origin, cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, 2, cv2.LINE_AA)
    return marked


def hide_centre(film: Pixels) -> Pixels:
    """Black out the central `CENTRE` of width and height."""
    hidden = film.copy()
    hidden[_centre(film)] = 0
    return hidden


def keep_centre(film: Pixels) -> Pixels:
    """Black out all else."""
    kept = np.zeros_like(film)
    kept[_centre(film)] = film[_centre(film)]
    return kept


def _mark(corner: Corner) -> Perturbation:
    return Perturbation(f"R top {corner}", lambda film, _rng: draw_marker(film, corner))


MARKERS = tuple(_mark(corner) for corner in CORNERS)
MASKS = (
    Perturbation("centre blacked out", lambda film, _rng: hide_centre(film)),
    Perturbation("centre alone", lambda film, _rng: keep_centre(film)),
)


def _centre(film: Pixels) -> tuple[slice, slice]:
    rows, columns = (round((1 - CENTRE) / 2 * side) for side in film.shape)
    return slice(rows, film.shape[0] - rows), slice(columns, film.shape[1] - columns)
