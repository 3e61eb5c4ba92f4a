"""The augmentation warps a film as the article's does."""

from __future__ import annotations

import numpy as np

from tests.drawn import draw_film
from training.augmentation.affine import AffineAugmentation

FILM = draw_film("PNEUMONIA", 1, 150, 150)


def test_same_generator_same_film() -> None:
    """The generator that is passed in decides all."""
    moved = [AffineAugmentation()(FILM, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(moved[0], moved[1])
    assert np.any(moved[0] != moved[2])
    assert moved[0].shape == FILM.shape
    assert moved[0].dtype == np.uint8


def test_nothing_moves_without_ranges() -> None:
    """With all ranges zero a film comes back as it was."""
    np.testing.assert_array_equal(AffineAugmentation(0, 0, 0)(FILM, np.random.default_rng(0)), FILM)


def test_amounts_fill_their_ranges_and_nothing_is_flipped() -> None:
    """Zoom, rotation and shift reach near their limits, never over; the determinant stays positive."""
    rng = np.random.default_rng(0)
    centre = np.array([74.5, 74.5])
    maps = [AffineAugmentation().sample(150, 150, rng) for _ in range(2000)]
    linear = np.array([matrix[:, :2] for matrix in maps])
    zooms = np.linalg.norm(linear, axis=1)
    angles = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    rotations = linear / zooms[:, np.newaxis]
    moved = np.array([matrix @ [*centre, 1] - centre for matrix in maps])
    shifts = np.einsum("nji,nj->ni", rotations, moved)
    for amounts, low, high in ((zooms, 0.8, 1.2), (angles, -30, 30), (shifts, -15, 15)):
        margin = 0.02 * (high - low)
        assert low <= amounts.min() < low + margin
        assert high - margin < amounts.max() <= high + 1e-9
    assert np.all(np.linalg.det(linear) > 0)


def test_edges_are_repeated_outward() -> None:
    """A white film stays white wherever it is moved: nothing black comes in."""
    white = np.full((150, 150), 255, np.uint8)
    assert AffineAugmentation()(white, np.random.default_rng(3)).min() == 255
