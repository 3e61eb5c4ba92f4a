"""Files cut at every byte."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.errors import UndecodableImage, UnsupportedFormat
from app.imaging.preprocess import read_film
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import RGBA, chunk, gradient, insert_segments, png, segment, tiff

FILM = film_pixels(0, 64, 72)
COLOUR = np.dstack([film_pixels(seed, 64, 72) for seed in range(4)])
SMALL = (cv2.IMWRITE_JPEG_QUALITY, 40)
FILES = {
    "JPEG": encode(FILM, ".jpg", *SMALL),
    "JPEG in colour, with EXIF": insert_segments(
        encode(COLOUR[..., :3], ".jpg", *SMALL), segment(0xE1, b"Exif\0\0" + tiff(6))
    ),
    "progressive JPEG": encode(FILM, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1, *SMALL),
    "JPEG with restarts": encode(FILM, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 3, *SMALL),
    "PNG": png(gradient(), before=[chunk(b"eXIf", tiff(6))], after=[chunk(b"tEXt", b"Comment\0none")]),
    "PNG of 16 bits": png(FILM.astype(np.uint16), 16),
    "interlaced PNG with alpha": png(COLOUR[:, :, :4] // 64, 8, RGBA, interlace=1),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_file_cut_at_any_byte_is_refused(data: bytes) -> None:
    """A JPEG that lacks its end marker alone is read, with a warning, as the whole one."""
    whole = read_film(data, width=150, height=150)
    read_in_part = {}
    for end in range(len(data)):
        try:
            read_in_part[end] = read_film(data[:end], width=150, height=150)
        except (UndecodableImage, UnsupportedFormat):
            continue
    assert read_in_part.keys() <= ({len(data) - 2, len(data) - 1} if data.startswith(b"\xff\xd8") else set())
    for film in read_in_part.values():
        assert np.array_equal(film.pixels, whole.pixels)
        assert [warning.code for warning in film.warnings][:1] == ["sloppy-file"]
