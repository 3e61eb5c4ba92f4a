"""Films drawn for `golden.json`: like chests, from clear to hazy, never a patient's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

GOLDEN_FILMS = 8


def draw_golden_films(height: int, width: int) -> NDArray[np.uint8]:
    """Draw always the same films, uint8 (8, height, width): haze rises, contrast and place vary."""
    return np.stack([_draw(number, height, width) for number in range(GOLDEN_FILMS)])


def _draw(number: int, height: int, width: int) -> NDArray[np.uint8]:
    # Drawn four times as large: shrunk, edges are smooth at any size.
    rows, columns = 4 * height, 4 * width
    film = np.full((rows, columns), 12 + 4 * number, np.float32)
    x, y = columns * (0.5 + 0.01 * (number % 3 - 1)), rows * (0.52 - 0.01 * (number % 2))
    _ellipse(film, (x, y), (0.47 * columns, 0.62 * rows), 130 + 6 * number)
    lungs = [(x + side * (0.19 + 0.005 * number) * columns, y) for side in (-1, 1)]
    for lung in lungs:
        _ellipse(film, lung, (0.145 * columns, 0.34 * rows), 45 + 5 * number)
    _ellipse(film, (x + 0.05 * columns, y + 0.14 * rows), (0.13 * columns, 0.16 * rows), 185)
    ribs = np.zeros_like(film)
    for rib in range(7):
        middle = (x, y + (rib - 3.4) * 0.1 * rows)
        _ellipse(ribs, middle, (0.38 * columns, 0.07 * rows), 28, thickness=max(2, rows // 60))
    haze = np.zeros_like(film)
    for blob in range(number):
        lung_x, lung_y = lungs[blob % 2]
        angle = 2.4 * blob
        spot = (lung_x + 0.07 * columns * np.cos(angle), lung_y + 0.2 * rows * np.sin(angle))
        _ellipse(haze, spot, (0.06 * columns, 0.08 * rows), 60 + 8 * number)
    film += ribs + cv2.GaussianBlur(haze, (0, 0), 0.025 * columns)
    small = cv2.resize(np.clip(film, 0, 255), (width, height), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8)


def _ellipse(
    film: NDArray[np.float32], centre: tuple[float, float], axes: tuple[float, float], gray: float, thickness: int = -1
) -> None:
    cv2.ellipse(film, (int(centre[0]), int(centre[1])), (int(axes[0]), int(axes[1])), 0, 0, 360, gray, thickness)
