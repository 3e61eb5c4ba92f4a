"""Drawn films: something like a chest, with hazy blobs for PNEUMONIA."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.names import LABELS


def draw_film(label: str, seed: int, height: int = 240, width: int = 280) -> NDArray[np.uint8]:
    """Draw a body, two dark lungs, ribs and noise; PNEUMONIA adds bright blobs in the lungs.

    The same seed draws the same film, uint8 of shape (height, width).
    """
    rng = np.random.default_rng([seed, LABELS.index(label)])
    film = np.full((height, width), 20, np.float32)
    centre = np.array([width / 2, height / 2]) + rng.uniform(-0.03, 0.03, 2) * (width, height)
    _ellipse(film, centre, (0.46 * width, 0.55 * height), 150)
    lungs = [centre + np.array([side * 0.2 * width, 0.0]) for side in (-1, 1)]
    for lung in lungs:
        _ellipse(film, lung, (0.15 * width, 0.34 * height), 60)
    for rib in range(5):
        y = centre[1] + (rib - 2) * 0.14 * height
        _ellipse(film, np.array([centre[0], y]), (0.4 * width, 0.08 * height), 110, thickness=max(1, height // 80))
    if label == "PNEUMONIA":
        haze = np.zeros_like(film)
        for lung in lungs:
            for _ in range(3):
                spot = lung + rng.uniform(-0.6, 0.6, 2) * (0.15 * width, 0.34 * height)
                _ellipse(haze, spot, (0.07 * width, 0.09 * height), 110)
        film += cv2.GaussianBlur(haze, (0, 0), 0.03 * width)
    film = cv2.GaussianBlur(film, (0, 0), 1.0) + rng.normal(0, 6, film.shape)
    return np.clip(film, 0, 255).astype(np.uint8)


def write_kaggle_layout(
    folder: Path, films_per_class: int, splits: tuple[str, ...] = ("train",), films_per_patient: int = 2, seed: int = 0
) -> None:
    """Write drawn JPEGs as `folder/<split>/<label>/`, named as in the Kaggle set.

    `films_per_patient` consecutive films share a patient; no patient is in two splits. All films differ; `seed` is the
    first one's.
    """
    for number, split in enumerate(splits):
        for label in LABELS:
            target = folder / split / label
            target.mkdir(parents=True, exist_ok=True)
            for index in range(films_per_class):
                serial = number * films_per_class + index
                film = draw_film(label, seed + serial)
                done, encoded = cv2.imencode(".jpeg", film, [cv2.IMWRITE_JPEG_QUALITY, 95])
                assert done
                patient, nth = 1 + serial // films_per_patient, 1 + serial % films_per_patient
                name = f"IM-{patient:04d}-{nth:04d}" if label == "NORMAL" else f"person{patient}_bacteria_{serial + 1}"
                (target / f"{name}.jpeg").write_bytes(encoded.tobytes())


def _ellipse(
    film: NDArray[np.float32], centre: NDArray[np.float64], axes: tuple[float, float], gray: int, thickness: int = -1
) -> None:
    cv2.ellipse(film, (int(centre[0]), int(centre[1])), (int(axes[0]), int(axes[1])), 0, 0, 360, gray, thickness)
