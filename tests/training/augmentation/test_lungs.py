"""Masks and boxes say where the lungs lie; aligning and pasting bring them elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.drawn_sources import SIDE, draw, draw_lungs
from training.augmentation.lungs import (
    MASK_SIDE,
    Pixels,
    align,
    draw_background,
    find_box,
    grow_hull,
    mask_of_lungs,
    paste,
    shrink_to_mask,
)


def rectangle(left: int, top: int, right: int, bottom: int, side: int = MASK_SIDE) -> Pixels:
    """Return a mask of one rectangle."""
    mask = np.zeros((side, side), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def share(one: Pixels, other: Pixels) -> float:
    """Return the Dice coefficient of two masks."""
    first, second = one > 127, other > 127
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_the_mask_of_lungs_is_what_is_not_black() -> None:
    """Specks of compression are no lung, and dark spots within are."""
    film = draw(0, 1, "lungs")
    lungs = draw_lungs(0, 1)
    film[5, 5] = 255
    rows, columns = np.nonzero(lungs)
    middle = len(rows) // 2
    film[rows[middle] : rows[middle] + 4, columns[middle] : columns[middle] + 4] = 0
    mask = mask_of_lungs(film)
    assert (mask.shape, mask.dtype) == ((MASK_SIDE, MASK_SIDE), np.uint8)
    assert share(mask, shrink_to_mask(lungs)) > 0.97
    assert mask[:5].max() == 0
    assert mask[rows[middle] * MASK_SIDE // SIDE, columns[middle] * MASK_SIDE // SIDE] > 127


def test_gray_levels_up_to_twelve_are_black() -> None:
    """JPEG's noise around the lungs."""
    assert mask_of_lungs(np.full((SIDE, SIDE), 12, np.uint8)).max() == 0
    assert mask_of_lungs(np.full((SIDE, SIDE), 13, np.uint8)).min() == 255


def test_a_box_spans_the_lungs() -> None:
    """In proportions of the side, right and bottom exclusive; rows and columns of two lung pixels do not count."""
    mask = rectangle(8, 16, 72, 40)
    mask[70, 10:12] = 255
    box = find_box(mask)
    assert box is not None
    np.testing.assert_allclose(box, np.array([8, 16, 72, 40]) / MASK_SIDE)


@pytest.mark.parametrize(("right", "bottom", "is_found"), [(31, 31, True), (30, 60, False), (60, 30, False)])
def test_too_small_lungs_have_no_box(right: int, bottom: int, is_found: bool) -> None:
    """A box spans more than a quarter of the film, both ways."""
    assert (find_box(rectangle(10, 10, right, bottom)) is not None) == is_found


@pytest.mark.parametrize("side", [MASK_SIDE, SIDE])
def test_aligning_brings_one_box_onto_another(side: int) -> None:
    """At any size; outside the film is black."""
    box, target = np.array([0.1, 0.2, 0.5, 0.6]), np.array([0.3, 0.25, 0.9, 0.75])
    before = rectangle(*(box * side).astype(int), side)
    after = align(before, box, target)
    assert share(after, rectangle(*(target * side).round().astype(int), side)) > 0.95
    assert align(np.full((side, side), 9, np.uint8), box, target)[0, 0] == 0


def test_a_hull_fills_what_lies_between_the_lungs() -> None:
    """And grows by the dilation."""
    lungs = rectangle(10, 20, 30, 60) | rectangle(50, 20, 70, 60)
    hull = grow_hull(lungs, 1)
    assert set(np.unique(hull)) == {0, 255}
    assert (hull > 0).sum() == 60 * 40
    assert (grow_hull(lungs, 5.5) > 0).sum() == 64 * 44
    assert grow_hull(np.zeros_like(lungs), 5).max() == 0


def test_backgrounds_are_black_flat_or_smooth() -> None:
    """About as often each as 35, 25 and 40 in a hundred."""
    rng = np.random.default_rng(0)
    drawn = [draw_background(64, rng) for _ in range(600)]
    flat = np.array([np.ptp(background) == 0 for background in drawn])
    black = np.array([background.max() == 0 for background in drawn])
    assert {(background.shape, background.dtype.name) for background in drawn} == {((64, 64), "uint8")}
    assert black.mean() == pytest.approx(0.35, abs=0.06)
    assert (flat & ~black).mean() == pytest.approx(0.25, abs=0.06)


def test_pasting_keeps_the_film_in_the_mask_and_the_background_elsewhere() -> None:
    """With soft edges; half of the backgrounds get the film's mean."""
    film, background = np.full((SIDE, SIDE), 200, np.uint8), np.full((SIDE, SIDE), 50, np.uint8)
    corners = []
    for seed in range(40):
        pasted = paste(film, background, rectangle(20, 20, 60, 60), np.random.default_rng(seed))
        assert (pasted.shape, pasted.dtype, pasted[112, 112]) == ((SIDE, SIDE), np.uint8, 200)
        corners.append(int(pasted[2, 2]))
    assert set(corners) == {50, 200}
    assert 10 < corners.count(50) < 30


def test_an_empty_mask_pastes_nothing() -> None:
    """The background stays as it is."""
    background = draw(1, 3)
    for seed in range(4):
        pasted = paste(draw(0, 1), background, np.zeros((80, 80), np.uint8), np.random.default_rng(seed))
        np.testing.assert_array_equal(pasted, background)
