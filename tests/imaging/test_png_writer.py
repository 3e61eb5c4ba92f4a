"""PNGs are read by OpenCV, and as uploads, with the pixels that were written."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.imaging.png import pack_pixels
from app.imaging.png_writer import encode_png
from tests.conftest import film_pixels

PALETTE = bytes(np.random.default_rng(0).permutation(256).astype(np.uint8)) * 3


def decode(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (150, 150), (331, 257)])
@pytest.mark.parametrize("kind", ["film", "noise"])
def test_gray_comes_back_pixel_by_pixel(shape: tuple[int, ...], kind: str) -> None:
    """Also noise, which does not compress."""
    gray = film_pixels(0, *shape) if kind == "film" else np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    png = encode_png(gray)
    assert np.array_equal(decode(png), gray)
    assert np.array_equal(decode(bytes(pack_pixels(png).data)), gray)


def test_colours_come_back_pixel_by_pixel() -> None:
    """Red first, unlike OpenCV; also from a view."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    for rgb in (picture, picture[3:30, 5:50]):
        assert np.array_equal(decode(encode_png(rgb)), rgb[..., ::-1])


def test_levels_become_the_colours_of_the_palette() -> None:
    """Three bytes each, red first."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colours = np.frombuffer(PALETTE, np.uint8).reshape(256, 3)
    png = encode_png(gray, PALETTE)
    assert np.array_equal(decode(png), colours[gray][..., ::-1])
    assert np.array_equal(decode(bytes(pack_pixels(png).data)), colours[gray][..., ::-1])


def test_a_film_takes_a_fraction_of_its_bytes() -> None:
    film = film_pixels(0, 300, 400)
    assert len(encode_png(film)) < 0.7 * film.nbytes


@pytest.mark.parametrize("shape", [(3,), (0, 4), (4, 0), (4, 4, 1), (4, 4, 4)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Neither gray nor three colours."""
    with pytest.raises(ValueError, match="picture that PNG can hold"):
        encode_png(np.zeros(shape, np.uint8))


def test_another_type_is_refused() -> None:
    """PNG has no fractions."""
    with pytest.raises(ValueError, match="float32"):
        encode_png(np.zeros((4, 4), np.float32))
