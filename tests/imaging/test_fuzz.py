"""Any bytes give a film or an error that names what was expected; nothing is printed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ImageError
from app.imaging.preprocess import ResizeRule, read_film
from tests.conftest import encode, film_pixels
from tests.fuzzing import SEED, TIMES, Tally, bounded, seeded
from tests.imaging.crafted import (
    GRAY_ALPHA,
    PALETTE,
    RGBA,
    SIGNATURE,
    chunk,
    gradient,
    insert_segments,
    png,
    raw_profile,
    segment,
    tiff,
)
from tests.mutation import mutate

FILM = film_pixels(0, 70, 90)
COLOUR = np.dstack([film_pixels(seed, 70, 90) for seed in range(3)])
PALETTE_CHUNKS = [chunk(b"PLTE", bytes(range(48))), chunk(b"tRNS", bytes(range(16)))]
SEEDS = [
    encode(FILM),
    encode(FILM, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    encode(COLOUR, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_QUALITY, 30),
    insert_segments(encode(COLOUR, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2), segment(0xE1, b"Exif\0\0" + tiff(6))),
    encode(FILM, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    .replace(b"\xff\xd1", b"\0\0\xff\xd1")
    .replace(b"F\0\1", b"F\0\2"),
    encode(FILM, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)[:-2] + b"\0" * 20,
    encode(FILM, ".png"),
    png(gradient(), after=[chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile("exif", tiff(6))))]),
    png(gradient(), 16, before=[chunk(b"eXIf", tiff(5, "II"))]),
    png(gradient(top=16), 4, PALETTE, before=PALETTE_CHUNKS, interlace=1),
    png(np.dstack([FILM, FILM]), 8, GRAY_ALPHA),
    png(np.dstack([COLOUR, FILM]).astype(np.uint16) * 257, 16, RGBA),
]


def repaired(data: bytes) -> bytes:
    """Return the PNG with checksums that fit, so that changes reach the decoder."""
    out, position = bytearray(SIGNATURE), len(SIGNATURE)
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        out += chunk(data[position + 4 : position + 8], data[position + 8 : position + 8 + length])
        position += 12 + length
    return bytes(out)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A real file with bits flipped, a piece cut out, or another file's piece put in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        # Changes do most in headers.
        place = draw(st.one_of(st.integers(0, min(len(data), 200) - 1), st.integers(0, len(data) - 1)))
        size = draw(st.integers(1, 60))
        match draw(st.sampled_from(["flip", "set", "cut", "drop", "splice", "repeat"])):
            case "flip":
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "set":
                data[place] = draw(st.sampled_from([0, 1, 2, 0x40, 0x7F, 0x80, 0xD9, 0xDA, 0xFE, 0xFF]))
            case "cut":
                del data[max(place, 1) :]
            case "drop":
                del data[place : place + size]
                data = data or bytearray(b"\xff")
            case "splice":
                other = draw(st.sampled_from(SEEDS))
                start = draw(st.integers(0, len(other) - 1))
                data[place : place + size] = other[start : start + size]
            case "repeat":
                data[place:place] = data[place : place + size]
    return bytes(data)


def read_or_refuse(tally: Tally, data: bytes) -> None:
    """Read by each rule: both refuse a file, or both read it."""
    films = []
    with tally.one():
        for rule in get_args(ResizeRule):
            with suppress(ImageError):
                films.append(read_film(data, width=150, height=150, rule=rule, max_pixels=100_000))
    assert len(films) in (0, 2)
    assert all((film.pixels.shape, film.pixels.dtype) == ((150, 150), np.uint8) for film in films)


@pytest.fixture
def silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No library prints."""
    yield
    assert capfd.readouterr() == ("", "")


@bounded(250)
@given(st.sampled_from([b"", b"\xff\xd8\xff", SIGNATURE, encode(FILM)[:300]]), st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_read(silent: None, tally: Tally, start: bytes, rest: bytes) -> None:
    """Also behind a real file's beginning."""
    read_or_refuse(tally, start + rest)


@bounded(250)
@given(mutations())
def test_damaged_files_are_refused_or_read(silent: None, tally: Tally, data: bytes) -> None:
    read_or_refuse(tally, data)


@bounded(250)
@given(st.binary(max_size=80), st.sampled_from(["MM", "II"]), st.integers(0, 40))
def test_no_metadata_make_a_film_unreadable(silent: None, tally: Tally, junk: bytes, order: str, place: int) -> None:
    block = tiff(6, order)
    block = b"Exif\0\0" + block[:place] + junk + block[place + len(junk) :]
    text = b"XML:com.adobe.xmp\0" + junk
    for data in (
        insert_segments(SEEDS[0], segment(0xE1, block), segment(0xE1, b"http://ns.adobe.com/xap/1.0/" + junk)),
        png(
            gradient(), before=[chunk(b"eXIf", block), chunk(b"iTXt", text), chunk(b"zTXt", text), chunk(b"tEXt", text)]
        ),
        png(gradient(), before=[chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 9\n" + junk.hex().encode() + junk)]),
    ):
        with tally.one():
            film = read_film(data, width=150, height=150)
        assert film.pixels.shape == (150, 150)


@bounded(250)
@given(mutations().filter(lambda data: data.startswith(SIGNATURE)))
def test_damaged_png_whose_checksums_fit_are_refused_or_read(silent: None, tally: Tally, data: bytes) -> None:
    """Anybody can compute a checksum."""
    read_or_refuse(tally, repaired(data))


@bounded(250)
@given(st.binary(max_size=200), st.integers(0, 4159), st.sampled_from([(8, 0, 1), (1, 0, 8), (2, 3, 4)]))
def test_any_rows_behind_a_whole_compression_are_refused_or_read(
    silent: None, tally: Tally, junk: bytes, place: int, kind: tuple[int, int, int]
) -> None:
    """Filters and samples are arbitrary."""
    depth, color_type, a_byte = kind
    rows = bytearray(64 * (1 + 64 // a_byte))
    place = min(place, len(rows) - 1)
    rows[place : place + len(junk)] = junk[: len(rows) - place]
    before = PALETTE_CHUNKS if color_type == PALETTE else []
    read_or_refuse(tally, png(gradient(), depth, color_type, before=before, compressed=zlib.compress(bytes(rows))))


def test_many_files_with_random_changes_are_refused_or_read(silent: None, tally: Tally) -> None:
    """Every second PNG has checksums that fit."""
    rng = seeded()
    for number in range(1500 * TIMES):
        data = mutate(rng, SEEDS)
        if number % 2 and data.startswith(SIGNATURE):
            data = repaired(data)
        try:
            read_or_refuse(tally, data)
        except BaseException as error:
            error.add_note(f"seed {SEED}, number {number}: {data.hex()}")
            raise
