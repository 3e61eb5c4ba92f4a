"""The resize rule that decodes large JPEGs at a half, a quarter or an eighth of their size."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.errors import UndecodableImage
from app.imaging.formats import read_header
from app.imaging.preprocess import RESIZE_RULES, ResizeRule, load_film, read_film, render_film, shrink
from app.imaging.raster import decode
from tests.conftest import encode, film_pixels

SCALED: ResizeRule = "scaled-jpeg-squeeze-inter-area"


def read(data: bytes, rule: ResizeRule = SCALED) -> np.ndarray:
    return read_film(data, width=150, height=150, rule=rule).pixels


@pytest.mark.parametrize(
    ("height", "width", "decoded"),
    [
        (599, 2000, (599, 2000)),
        (600, 2000, (300, 1000)),
        (1199, 1300, (600, 650)),
        (1200, 1301, (300, 326)),
        (2399, 2400, (600, 600)),
        (2401, 2400, (301, 300)),
        (4900, 4800, (613, 600)),
    ],
)
def test_both_sides_stay_as_long_as_is_asked(height: int, width: int, decoded: tuple[int, int]) -> None:
    """The smallest of 1, 1/2, 1/4 and 1/8 that leaves them; sides are rounded up."""
    data = encode(film_pixels(1, height, width))
    pixels, _ = decode(data, read_header(data), least_side=300)
    assert pixels.shape == decoded


def test_the_input_hardly_differs_from_that_of_the_whole_decoding() -> None:
    """On a smooth picture, by a level at 95 % of the pixels; where it is clipped, a coarser decoding rings."""
    data = encode(film_pixels(2, 1656, 1360))
    scaled, whole = read(data), read(data, "squeeze-inter-area")
    assert scaled.shape == whole.shape == (150, 150)
    difference = np.abs(scaled.astype(int) - whole)
    assert difference.max() > 0
    assert np.percentile(difference, 95) <= 1


def test_small_jpegs_and_pngs_are_read_as_under_the_other_rule() -> None:
    """Nothing is enlarged, and PNG has no scales."""
    for data in (
        encode(film_pixels(3, 299, 400)),
        encode(film_pixels(3, 140, 200)),
        encode(film_pixels(3, 1300, 1300), ".png"),
    ):
        assert np.array_equal(read(data), read(data, "squeeze-inter-area"))


def test_a_cut_jpeg_is_refused_at_every_scale() -> None:
    """Every byte of the scan is read whatever the scale."""
    data = encode(film_pixels(4, 1500, 1300))
    for end in range(len(data) // 2, len(data) - 2, len(data) // 20):
        with pytest.raises(UndecodableImage):
            read(data[:end] + b"\xff\xd9")


def test_zeros_before_the_end_marker_are_padding_at_every_scale() -> None:
    """A zero that is data is known by the pixels that its bits change, which a smaller picture may lack."""
    scaled = 0
    for seed in range(4):
        pixels, rng = film_pixels(seed, 1200, 1200), np.random.default_rng(seed)
        pixels[-16:, -16:] = rng.integers(0, 256, (16, 16))
        data = encode(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 100)))
        for cut in (2, 3):
            for mask in (0xFF, 0xF0, 0xF8):
                padded = data[: -2 - cut] + bytes((data[-2 - cut] & mask,)) + bytes(9) + data[-2:]
                verdicts = []
                for rule in RESIZE_RULES:
                    try:
                        read(padded, rule)
                        verdicts.append("read")
                    except UndecodableImage:
                        verdicts.append("refused")
                assert verdicts[0] == verdicts[1]
                scaled += verdicts[0] == "read"
    assert scaled


def test_a_scaled_film_is_turned_upright_and_its_colour_noticed() -> None:
    """Orientation and warnings are those of the whole film."""
    pixels = film_pixels(5, 1500, 1300)
    data = encode(np.dstack([pixels, 255 - pixels, pixels]))
    header = read_header(data)
    film = load_film(data, header, width=150, height=150, rule=SCALED)
    assert [warning.code for warning in film.warnings] == ["colour-image"]
    gray = encode(pixels)
    upright = read_header(gray)
    turned = type(upright)(**{**vars(upright), "orientation": 3})
    expected = load_film(gray, upright, width=150, height=150, rule=SCALED).pixels
    found = load_film(gray, turned, width=150, height=150, rule=SCALED).pixels
    assert np.abs(found[::-1, ::-1].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("height", "width", "orientation", "shown"),
    [
        (301, 300, 1, (100, 100)),  # at 1/2
        (2399, 801, 1, (100, 33)),  # at 1/8, where sides are rounded up: 300 × 101 would give 34
        (801, 2399, 6, (100, 33)),
        (399, 101, 1, (100, 25)),  # whole: a side is shorter than 2 × 100
        (199, 199, 1, (100, 100)),
    ],
)
def test_a_film_for_the_eye_has_the_size_of_one_decoded_whole(
    height: int, width: int, orientation: int, shown: tuple[int, int]
) -> None:
    """Upright, its longer side as wanted."""
    data = encode(film_pixels(6, height, width))
    header = replace(read_header(data), orientation=orientation)
    found = render_film(data, header, max_side=100)
    assert found.shape == shown
    whole, _ = decode(data, header)
    factor = 100 / max(whole.shape)
    assert found.shape == tuple(round(side * factor) for side in whole.shape)


def test_a_film_for_the_eye_hardly_differs_from_one_decoded_whole() -> None:
    """By a level at 95 % of the pixels, turned as well."""
    data = encode(film_pixels(2, 1656, 1360))
    header = replace(read_header(data), orientation=6)
    found = render_film(data, header, max_side=165)
    expected = shrink(decode(data, header)[0], width=165, height=136)
    assert np.percentile(np.abs(found.astype(int) - expected), 95) <= 1


def test_a_film_for_the_eye_that_is_small_is_decoded_whole() -> None:
    """Pixel by pixel, up to the longest side."""
    data = encode(film_pixels(6, 100, 90))
    header = read_header(data)
    assert np.array_equal(render_film(data, header, max_side=100), decode(data, header)[0])


def test_a_large_film_for_the_eye_is_decoded_at_a_scale() -> None:
    """In a fraction of the memory of its pixels."""
    data = encode(film_pixels(6, 2000, 2000))
    header = read_header(data)
    tracemalloc.start()
    render_film(data, header, max_side=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 2000 / 4
