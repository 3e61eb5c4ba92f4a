"""Pixels to a model's input."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import TooManyPixels, UndecodableImage, UnsuitableImage, UnsupportedFormat
from app.imaging.preprocess import read_film, shrink
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import chunk, png, tiff


def differ(one: np.ndarray, other: np.ndarray) -> int:
    """Return the largest difference, in gray levels."""
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize(("height", "width"), [(300, 400), (150, 150), (64, 64), (64, 256), (1000, 250), (151, 149)])
def test_any_size_is_squeezed_as_inter_area_squeezes_it(height: int, width: int) -> None:
    """Uint8 of the model's size, equal to cv2's."""
    film = film_pixels(0, height, width)
    squeezed = shrink(film, width=150, height=150)
    assert (squeezed.shape, squeezed.dtype) == ((150, 150), np.uint8)
    assert differ(squeezed, cv2.resize(film, (150, 150), interpolation=cv2.INTER_AREA)) <= 1


@given(st.tuples(*[st.integers(20, 400)] * 2), st.tuples(*[st.integers(1, 200)] * 2), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_any_size_is_squeezed_to_any_size(size: tuple[int, int], wanted: tuple[int, int], seed: int) -> None:
    """Within one gray level of INTER_AREA, which rounds its sums in 32 bits."""
    film = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    height, width = wanted
    squeezed = shrink(film, width=width, height=height)
    assert differ(squeezed, cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA)) <= 1


@pytest.mark.parametrize("shape", [(7100, 7000), (14000, 3500), (3500, 14000)])
def test_sums_of_a_large_film_do_not_overflow(shape: tuple[int, ...]) -> None:
    """White stays white, over more pixels than 32 bits can sum."""
    assert np.all(shrink(np.full(shape, 255, np.uint8), width=150, height=150) == 255)


def test_a_film_of_the_models_size_stays_as_it_is() -> None:
    film = film_pixels(0, 150, 150)
    assert np.array_equal(shrink(film, width=150, height=150), film)


def test_halving_is_the_mean_of_four_pixels() -> None:
    """Worked out by hand."""
    film = film_pixels(0, 300, 300).astype(int)
    mean = (film[::2, ::2] + film[1::2, ::2] + film[::2, 1::2] + film[1::2, 1::2]) / 4
    assert np.abs(mean - shrink(film.astype(np.uint8), width=150, height=150)).max() <= 0.5


def test_width_and_height_are_not_confused() -> None:
    """A model may be wider than high."""
    assert read_film(encode(film_pixels(0, 300, 400)), width=120, height=90).pixels.shape == (90, 120)


def test_orientation_is_obeyed_before_the_film_is_squeezed() -> None:
    """A film on its side gives its upright input."""
    film = film_pixels(0, 200, 320)
    lying = png(np.rot90(film), before=[chunk(b"eXIf", tiff(6))])
    upright = read_film(png(film), width=150, height=150).pixels
    assert np.array_equal(upright, read_film(lying, width=150, height=150).pixels)


def test_the_limits_of_a_film_are_those_as_stored_and_come_before_its_pixels() -> None:
    """Format, then dimensions, then pixels: the first refusal is reported."""
    cut = encode(film_pixels(0, 80, 100))[:-40]
    for data, limit, error in (
        (b"no film", 1, UnsupportedFormat),
        (cut, 7999, TooManyPixels),
        (encode(film_pixels(0, 63, 64))[:-40], 10**6, UnsuitableImage),
        (cut, 8000, UndecodableImage),
    ):
        with pytest.raises(error):
            read_film(data, width=150, height=150, max_pixels=limit)


def test_what_was_noticed_comes_with_the_film() -> None:
    colour = np.dstack([film_pixels(seed, 80, 100) for seed in range(3)])
    assert [w.code for w in read_film(encode(colour), width=150, height=150).warnings] == ["colour-image"]
    assert read_film(encode(colour[..., 0]), width=150, height=150).warnings == ()
