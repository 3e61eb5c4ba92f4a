"""The resize rule that decodes large JPEGs at a half, a quarter or an eighth of their size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.errors import UndecodableImage
from app.imaging.formats import read_header
from app.imaging.preprocess import RESIZE_RULES, ResizeRule, load_film, read_film
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
