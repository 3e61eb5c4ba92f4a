"""Lung masks: where the lungs lie, and how one film's lungs come to lie in another film.

A mask is uint8 of shape (MASK_SIDE, MASK_SIDE), the probability of lung times 255. A box is (left, top, right, bottom)
in proportions of the side, float64 (4,).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Box = NDArray[np.float64]

MASK_SIDE = 80
"""Pixels a side of masks, and of films that a lung network sees."""

IS_LUNG = 127
"""A pixel of a mask over this is lung."""

_BLACK = 12
"""Gray level up to which a pixel of a film of form `lungs` is outside: JPEG leaves noise there."""
_FEWEST_LUNG_PIXELS = 2
_SMALLEST_SPAN = 20


def shrink_to_mask(pixels: Pixels) -> Pixels:
    """Shrink a film to (MASK_SIDE, MASK_SIDE) by area averaging."""
    return np.asarray(cv2.resize(pixels, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def mask_of_lungs(pixels: Pixels) -> Pixels:
    """Return the mask of a film of form `lungs`: what is not black, without specks and small holes."""
    visible = (pixels > _BLACK).astype(np.uint8)
    opened = cv2.morphologyEx(visible, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    return shrink_to_mask(np.asarray(closed * 255, np.uint8))


def find_box(mask: Pixels) -> Box | None:
    """Return the box of a mask's lungs; None where they span no quarter of the film in height and in width."""
    is_lung = mask > IS_LUNG
    columns, rows = (np.flatnonzero(is_lung.sum(axis) > _FEWEST_LUNG_PIXELS) for axis in (0, 1))
    if min(len(columns), len(rows)) <= _SMALLEST_SPAN:
        return None
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64) / MASK_SIDE


def align(pixels: Pixels, box: Box, target: Box, border: int = cv2.BORDER_CONSTANT) -> Pixels:
    """Move and stretch a square film or mask so that `box` comes to lie on `target`; outside it is black.

    `border` is OpenCV's rule for what lies outside.
    """
    side = len(pixels)
    scale = (target[2:] - target[:2]) / (box[2:] - box[:2])
    shift = (target[:2] - box[:2] * scale) * side
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    return np.asarray(cv2.warpAffine(pixels, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)


def grow_hull(mask: Pixels, pixels: float) -> Pixels:
    """Return the convex hull of a mask's lungs, dilated by a square of so many pixels: 255 within, 0 without."""
    hull = np.zeros_like(mask)
    points = cv2.findNonZero((mask > IS_LUNG).astype(np.uint8))
    if points is None:
        return hull
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 255)
    side = max(1, int(pixels))
    return np.asarray(cv2.dilate(hull, np.ones((side, side), np.uint8)), np.uint8)


def draw_background(side: int, rng: np.random.Generator) -> Pixels:
    """Draw a film without anatomy, uint8 (side, side): black, one gray level, or smooth noise of random grain."""
    kind = rng.random()
    if kind < 0.35:
        return np.zeros((side, side), np.uint8)
    if kind < 0.6:
        return np.full((side, side), rng.integers(0, 256), np.uint8)
    grain = int(rng.choice([4, 8, 16, 32, 64]))
    noise = rng.normal(rng.uniform(30, 200), rng.uniform(5, 60), (grain, grain)).clip(0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def paste(film: Pixels, background: Pixels, mask: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the film where the mask is and the background elsewhere, with an edge of random softness.

    For half of the films the background's mean becomes that of the film within the mask.

    Args:
        film: uint8 of shape (side, side).
        background: uint8 of the same shape.
        mask: see the module.
        rng: samples softness and mean.
    """
    enlarged = cv2.resize(mask, film.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    share = cv2.GaussianBlur(enlarged, (0, 0), rng.uniform(0.5, 6)) / 255
    behind = background.astype(np.float32)
    if rng.random() < 0.5 and (share > 0.5).any():
        behind = np.clip(behind - behind.mean() + film[share > 0.5].mean(), 0, 255)
    return np.asarray(film * share + behind * (1 - share) + 0.5, np.float32).astype(np.uint8)
