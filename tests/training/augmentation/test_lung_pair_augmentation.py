"""A film and its mask are moved alike; tones and opacities change the film alone."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from tests.training.drawn_sources import draw, draw_lungs
from training.augmentation.lung_pairs import LungPairAugmentation
from training.augmentation.lungs import MASK_SIDE, shrink_to_mask

NOTHING = LungPairAugmentation(**{field.name: 0.0 for field in fields(LungPairAugmentation)})
FILM, MASK = shrink_to_mask(draw(0, 1)), shrink_to_mask(draw_lungs(0, 1))


def test_without_variation_a_pair_stays_as_it_is() -> None:
    """The film as float32."""
    film, mask = NOTHING(FILM, MASK, np.random.default_rng(0))
    assert (film.dtype, mask.dtype) == (np.float32, np.uint8)
    np.testing.assert_allclose(film, FILM, atol=1e-3)
    np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize("name", ["rotation", "smaller", "larger", "aspect", "shift", "p_flip"])
def test_film_and_mask_are_moved_alike(name: str) -> None:
    """Of a film that is its mask, both become the same."""
    amount = {"rotation": 15.0, "shift": 7.0, "p_flip": 1.0}.get(name, 0.3)
    moved = replace(NOTHING, **{name: amount})
    left = MASK.copy()
    left[:, 40:] = 0
    film, mask = moved(left, left, np.random.default_rng(3))
    np.testing.assert_allclose(film, mask, atol=1e-3)
    assert np.abs(mask.astype(int) - left).mean() > 1


def test_a_stretch_keeps_the_centre() -> None:
    """As rotation and scale do."""
    dot = np.zeros((MASK_SIDE, MASK_SIDE), np.uint8)
    dot[30:50, 30:50] = 255
    for seed in range(10):
        _, mask = replace(NOTHING, aspect=0.3, rotation=20.0, larger=0.3)(dot, dot, np.random.default_rng(seed))
        rows, columns = np.nonzero(mask > 127)
        assert (rows.mean(), columns.mean()) == pytest.approx((39.5, 39.5), abs=0.3)


@pytest.mark.parametrize("name", ["blur", "contrast", "brightness", "gamma", "noise", "p_invert"])
def test_tones_change_the_film_alone(name: str) -> None:
    """Each by itself."""
    varied = replace(NOTHING, p_blur=float(name == "blur"), **{name: {"p_invert": 1.0, "gamma": 0.5}.get(name, 1.5)})
    film, mask = varied(FILM, MASK, np.random.default_rng(1))
    np.testing.assert_array_equal(mask, MASK)
    assert np.abs(film - FILM).mean() > 0.15


def test_opacities_are_drawn_bright_in_the_lungs() -> None:
    """About half of the films' blobs end at the mask's edge; the mask keeps them."""
    within, without = [], []
    for seed in range(60):
        film, mask = replace(NOTHING, p_opacities=1.0, opacity=130.0)(FILM, MASK, np.random.default_rng(seed))
        added = film - FILM
        assert added.min() > -1e-3
        np.testing.assert_array_equal(mask, MASK)
        within.append(added[MASK > 127].max())
        without.append(added[MASK <= 127].max())
    assert min(within) > 15
    assert min(without) < 1e-3 < 5 < max(without)
    film, _ = replace(NOTHING, p_opacities=1.0)(FILM, np.zeros_like(MASK), np.random.default_rng(0))
    np.testing.assert_allclose(film, FILM, atol=1e-3)


def test_the_seed_alone_decides() -> None:
    """The same seed varies a pair alike; another does not."""
    one, again, other = (LungPairAugmentation()(FILM, MASK, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
