"""The map over a film of any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.inference.overlay import add_legend, paint_contour, paint_heat
from tests.conftest import film_pixels

FILM = film_pixels(0, 500, 700)
TOWARDS_LEFT = np.array([[1.0, 0.0, 0.0, -1.0]] * 3, np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (150, 150), (127, 301), (1000, 300)])
def test_heat_is_painted_in_bands_without_a_seam(shape: tuple[int, int]) -> None:
    """As OpenCV's cubic enlarges the map at once."""
    cam = np.random.default_rng(0).normal(0, 0.2, (5, 6)).astype(np.float32)
    film = np.full(shape, 100, np.uint8)
    painted = paint_heat(film, cam, scale=1.0).astype(int)
    whole = np.clip(cv2.resize(cam, shape[::-1], interpolation=cv2.INTER_CUBIC), -1, 1)[..., np.newaxis] * 0.65
    colour = np.where(whole > 0, np.array((213, 94, 0)), np.array((0, 114, 178)))
    expected = 100 * (1 - np.abs(whole)) + colour * np.abs(whole)
    assert np.abs(painted - expected).max() <= 1


def test_evidence_below_the_level_leaves_the_film_bare() -> None:
    strong = paint_heat(FILM, TOWARDS_LEFT, scale=2.0, level=0.9)
    bare = np.repeat(FILM[..., np.newaxis], 3, axis=2)
    assert np.array_equal(strong[:, 200:500], bare[:, 200:500])
    assert (strong[:, :50] != bare[:, :50]).any()
    assert (strong[:, -50:] != bare[:, -50:]).any()
    assert np.array_equal(paint_heat(FILM, TOWARDS_LEFT, scale=2.0, level=9.0), bare)


def test_contours_leave_the_film_within_and_outside_them() -> None:
    """A solid line of warm colour towards PNEUMONIA, a dashed one of cold colour away from it."""
    painted = paint_contour(FILM, TOWARDS_LEFT, level=0.5)
    changed = (painted != FILM[..., np.newaxis]).any(axis=2)
    assert 0 < changed.mean() < 0.03
    red, blue = painted[..., 0].astype(int), painted[..., 2].astype(int)
    middle = slice(100, 400)
    solid, dashed = changed[middle, 50:350].any(axis=1), changed[middle, 350:650].any(axis=1)
    assert (red - blue)[middle, 50:350][changed[middle, 50:350]].mean() > 30
    assert (blue - red)[middle, 350:650][changed[middle, 350:650]].mean() > 30
    assert solid.all()
    assert 0.3 < dashed.mean() < 0.8


def test_a_level_that_nothing_reaches_draws_no_line() -> None:
    assert np.array_equal(paint_contour(FILM, TOWARDS_LEFT, level=5.0), np.repeat(FILM[..., np.newaxis], 3, axis=2))


@pytest.mark.parametrize(("side", "is_drawn"), [(255, False), (256, True), (2048, True)])
def test_a_legend_stands_in_the_lower_left_corner_where_there_is_room(side: int, is_drawn: bool) -> None:
    picture = np.full((side, side, 3), 200, np.uint8)
    add_legend(picture, ["-0.15   0   +0.15", "a word"], scale=0.15)
    changed = (picture != 200).any(axis=2)
    assert changed.any() == is_drawn
    assert not changed[: side // 2].any()
    assert changed[-1, 0] == is_drawn
    assert changed.mean() < 0.2
