"""The fixed perturbations of validation films, for calibration and operating points.

They act on films of `SOURCE_SIDE` pixels a side, then shrunk as the service shrinks. The film's number seeds them:
every model sees the same films.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.preprocess import shrink
from training.augmentation.filters import Pixels, blur, change_contrast, encode_as_jpeg, sharpen, shrink_and_enlarge


@dataclass(frozen=True)
class Perturbation:
    """A `name` for tables, and a `change` that keeps shape and dtype."""

    name: str
    change: Callable[[Pixels, np.random.Generator], Pixels]

    def apply(self, films: Pixels, *, width: int, height: int) -> Pixels:
        """Perturb films, uint8 (films, SOURCE_SIDE, SOURCE_SIDE), and shrink them to uint8 (films, height, width)."""
        perturbed = (self.change(film, np.random.default_rng(number)) for number, film in enumerate(films))
        return np.stack([shrink(film, width=width, height=height) for film in perturbed])


def encode(quality: int) -> Perturbation:
    """Encode as JPEG."""
    return Perturbation(f"JPEG quality {quality}", lambda film, _rng: encode_as_jpeg(film, quality))


def blur_by(sigma: float) -> Perturbation:
    """Blur by a Gaussian of `sigma` pixels."""
    return Perturbation(f"blur, sigma {sigma:g}", lambda film, _rng: blur(film, sigma))


def sharpen_by(amount: float) -> Perturbation:
    """Sharpen: add `amount` of what a blur by 1.5 pixels removes."""
    return Perturbation(f"sharpened by {amount:g}", lambda film, _rng: sharpen(film, 1.5, amount))


def resize_to(side: int) -> Perturbation:
    """Shrink to `side` pixels, and enlarge again."""
    return Perturbation(f"shrunk to {side} pixels", lambda film, _rng: shrink_and_enlarge(film, side))


def scale_brightness(factor: float) -> Perturbation:
    """Multiply every gray level."""
    return Perturbation(f"brightness x {factor:g}", lambda film, _rng: _clip(film.astype(np.float32) * factor))


def scale_contrast(factor: float) -> Perturbation:
    """Stretch the gray levels about their mean."""
    return Perturbation(f"contrast x {factor:g}", lambda film, _rng: _clip(change_contrast(film, factor)))


def rotate(degrees: float) -> Perturbation:
    """Rotate about the centre, edge replicated."""
    return Perturbation(f"rotated by {degrees:g}°", lambda film, _rng: _warp(film, degrees, 1.0, (0.0, 0.0)))


def _rotate_and_crop(film: Pixels, rng: np.random.Generator) -> Pixels:
    shift = rng.uniform(-0.04, 0.04, 2) * film.shape
    return _warp(film, rng.uniform(-8, 8), rng.uniform(1.0, 1.15), (shift[0], shift[1]))


def _combine(film: Pixels, rng: np.random.Generator) -> Pixels:
    film = shrink_and_enlarge(film, int(rng.uniform(110, 220)))
    film = blur(film, rng.uniform(0.0, 1.5))
    film = _clip(change_contrast(film, rng.uniform(0.75, 1.25), rng.uniform(-25, 25)))
    return encode_as_jpeg(_rotate_and_crop(film, rng), int(rng.uniform(30, 95)))


UNPERTURBED = Perturbation("unperturbed", lambda film, _rng: film)

VALIDATION_PERTURBATIONS = (
    encode(30),
    encode(60),
    encode(95),
    blur_by(1),
    blur_by(2),
    sharpen_by(1),
    resize_to(112),
    scale_brightness(1.2),
    scale_brightness(0.8),
    scale_contrast(1.2),
    scale_contrast(0.8),
    Perturbation("slightly rotated and cropped", _rotate_and_crop),
    Perturbation("several combined", _combine),
)
"""Applied besides `UNPERTURBED` before calibration, operating points and abstention band are chosen: alone, and again
after style transfer (`training.evaluation.perturbed_sets`)."""


def _warp(film: Pixels, degrees: float, zoom: float, shift: tuple[float, float]) -> Pixels:
    rows, columns = film.shape
    matrix = cv2.getRotationMatrix2D(((columns - 1) / 2, (rows - 1) / 2), degrees, zoom)
    matrix[:, 2] += np.asarray(shift)
    return np.asarray(cv2.warpAffine(film, matrix, (columns, rows), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _clip(gray: NDArray[np.float32]) -> Pixels:
    return np.clip(np.round(gray), 0, 255).astype(np.uint8)
