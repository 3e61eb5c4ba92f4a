"""What an image's header alone shows, and what it refuses."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from typing import Any

import cv2
import numpy as np
import pytest

from app.errors import TooManyPixels, UndecodableImage, UnsuitableImage, UnsupportedFormat
from app.imaging.formats import MAX_JPEG_SCANS, ImageHeader, check_dimensions, read_header
from app.imaging.jpeg import MAX_SEGMENTS
from app.imaging.preprocess import Film, read_film
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import (
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    SIGNATURE,
    chunk,
    gradient,
    ihdr,
    insert_segments,
    one_scan,
    png,
    segment,
    with_frame,
)

GRAY = film_pixels(0, 80, 100)
JPEG = encode(GRAY)
PROGRESSIVE = encode(GRAY, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


def read(data: bytes) -> Film:
    return read_film(data, width=150, height=150)


def test_a_baseline_jpeg_tells_its_size_and_one_scan() -> None:
    assert read_header(JPEG) == ImageHeader("JPEG", 100, 80, 1, 8, 1, 1)


def test_a_progressive_jpeg_tells_its_scans() -> None:
    """Six, as libjpeg writes gray ones."""
    assert read_header(PROGRESSIVE) == ImageHeader("JPEG", 100, 80, 1, 8, 6, 1)


def test_a_colour_jpeg_tells_three_components() -> None:
    assert read_header(encode(np.dstack([film_pixels(0, 80, 100)] * 3))).channels == 3


@pytest.mark.parametrize(
    ("depth", "color_type", "channels", "bit_depth"),
    [(1, 0, 1, 1), (16, 0, 1, 16), (8, RGB, 3, 8), (4, PALETTE, 3, 8), (16, GRAY_ALPHA, 2, 16), (8, RGBA, 4, 8)],
)
def test_a_png_tells_its_samples(depth: int, color_type: int, channels: int, bit_depth: int) -> None:
    """A palette counts as 8-bit colour."""
    data = SIGNATURE + ihdr(100, 80, depth, color_type) + chunk(b"IDAT", b"x") + chunk(b"IEND")
    assert read_header(data) == ImageHeader("PNG", 100, 80, channels, bit_depth, 1, 1)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8", b"II*\0", b"%PDF-1.7", b"\x89PNG\r\n\x1a"])
def test_other_bytes_are_refused_with_the_accepted_formats(data: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match=f"JPEG, PNG or DICOM image. Received {len(data)} bytes"):
        read_header(data)


def test_fill_bytes_before_a_marker_are_skipped() -> None:
    assert read_header(insert_segments(JPEG, b"\xff" * 5)) == read_header(JPEG)


def test_a_hundred_scans_are_read_and_one_more_is_refused() -> None:
    closed, left = PROGRESSIVE[:-2], MAX_JPEG_SCANS - read_header(PROGRESSIVE).scans
    scan = one_scan(PROGRESSIVE)
    hundred = closed + scan * left + b"\xff\xd9"
    more = closed + scan * (left + 1) + b"\xff\xd9"
    check_dimensions(read_header(hundred), 10**6)
    assert read_header(hundred).scans == MAX_JPEG_SCANS
    with pytest.raises(TooManyPixels, match=r"at most 100 scans\. Received one of 101"):
        check_dimensions(read_header(more), 10**6)


def test_an_end_marker_in_a_comment_hides_no_scans() -> None:
    hidden = PROGRESSIVE[:-2] + segment(0xFE, b"\xff\xd9") + one_scan(PROGRESSIVE) * 200 + b"\xff\xd9"
    with pytest.raises(TooManyPixels, match="scans"):
        check_dimensions(read_header(hidden), 10**6)


@pytest.mark.parametrize("picture", [GRAY, np.dstack([GRAY] * 3)], ids=["gray", "RGB"])
def test_scans_behind_a_whole_one_are_not_looked_for_and_refused(picture: np.ndarray) -> None:
    """No decoder takes another there: they need no walk through the file."""
    jpeg = encode(picture)
    data = jpeg[:-2] + one_scan(jpeg) * 200 + b"\xff\xd9"
    assert read_header(data) == read_header(jpeg)
    with pytest.raises(UndecodableImage, match="the decoder refused"):
        read(data)


def test_three_components_of_one_name_are_not_whole_after_one() -> None:
    """A decoder sees three, and takes scan after scan of them."""
    colour = encode(np.dstack([GRAY] * 3))
    frame = colour.index(b"\xff\xc0")
    same = bytearray(colour)
    same[frame + 10 : frame + 19 : 3] = b"\x01\x01\x01"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + bytes(8)
    data = bytes(same[: colour.index(b"\xff\xda")]) + scan * 200 + b"\xff\xd9"
    with pytest.raises(TooManyPixels, match="scans"):
        check_dimensions(read_header(data), 10**6)


def test_scan_markers_in_a_comment_are_no_scans() -> None:
    data = PROGRESSIVE.replace(b"\xff\xda", segment(0xFE, b"\xff\xda" * 200) + b"\xff\xda", 3)
    assert read_header(data).scans == 6


def test_scans_of_a_second_image_do_not_count() -> None:
    assert read_header(JPEG + PROGRESSIVE * 50).scans == 1


@pytest.mark.parametrize("junk", [b"\xff\0", b"\0", b"\xff\0\xff"])
def test_the_frame_that_decoders_see_is_the_frame_that_is_checked(junk: bytes) -> None:
    """FF 00 is no marker: the length behind it would hide a frame from us, not from decoders."""
    frame = segment(0xC0, struct.pack(">BHHB3B", 8, 40_000, 40_000, 1, 1, 0x11, 0))
    data = insert_segments(JPEG, segment(0xFE), junk + struct.pack(">H", len(frame) + 2) + frame)
    assert (read_header(data).width, read_header(data).height) == (40_000, 40_000)


@pytest.mark.parametrize(
    ("marker", "precision", "kind"),
    [
        (0xC0, 12, "a 12-bit JPEG"),
        (0xC1, 12, "a 12-bit JPEG"),
        (0xC2, 12, "a 12-bit JPEG"),
        (0xC3, 16, "a 16-bit JPEG"),
        (0xC5, 8, "a hierarchical JPEG"),
        (0xDE, 8, "a hierarchical JPEG"),
        (0xC9, 8, "an arithmetic-coded JPEG"),
        (0xCA, 8, "an arithmetic-coded JPEG"),
        (0xCB, 8, "an arithmetic-coded JPEG"),
        (0xF7, 8, "a JPEG-LS image"),
    ],
)
def test_a_kind_of_jpeg_that_is_not_read_is_refused_by_its_name(marker: int, precision: int, kind: str) -> None:
    """Decoders would read an arithmetic-coded one, and not notice a cut."""
    data = with_frame(JPEG, precision=precision).replace(b"\xff\xc0", bytes((0xFF, marker)))
    with pytest.raises(UndecodableImage, match=f"Received {kind}: save it as one of these, or as PNG"):
        read_header(data)


@pytest.mark.parametrize("cut", [3, 10, 30, 200])
def test_a_jpeg_that_ends_in_its_header_is_refused(cut: int) -> None:
    with pytest.raises(UndecodableImage, match="ends early"):
        read_header(JPEG[:cut])


def test_a_jpeg_with_a_scan_before_its_frame_is_refused() -> None:
    with pytest.raises(UndecodableImage, match="before its first scan"):
        read_header(b"\xff\xd8" + one_scan(JPEG) + b"\xff\xd9")


@pytest.mark.parametrize("size", [{"width": 0}, {"height": 0}])
def test_a_jpeg_without_a_side_is_refused(size: dict[str, Any]) -> None:
    """Nor is a height of 0, given after the first scan, accepted."""
    with pytest.raises(UndecodableImage, match="with a width and a height"):
        read_header(with_frame(JPEG, **size))


@pytest.mark.parametrize("stuffing", [segment(0xFE), b"\xff\xd0", b"\xff\x01"])
def test_millions_of_tiny_segments_are_refused_at_once(stuffing: bytes) -> None:
    data = insert_segments(JPEG, stuffing * 2_000_000)
    begun = time.process_time()
    with pytest.raises(UndecodableImage, match=f"at most {MAX_SEGMENTS} segments"):
        read_header(data)
    assert time.process_time() - begun < 0.5


def test_a_run_of_fill_bytes_in_a_scan_costs_one_pass() -> None:
    data = JPEG[:-2] + b"\xff" * 2_000_000 + b"\0" + b"\xff\xd9"
    begun = time.process_time()
    assert read_header(data).scans == 1
    assert time.process_time() - begun < 0.5


def test_millions_of_empty_chunks_are_refused_at_once() -> None:
    data = SIGNATURE + ihdr(64, 64) + chunk(b"teSt") * 2_000_000
    begun = time.process_time()
    with pytest.raises(UndecodableImage, match="at most 100000 chunks"):
        read_header(data)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png(gradient())[:-12], "ends early"),
        (png(gradient())[:-1], "ends early"),
        (png(gradient())[:60], "ends early"),
        (png(gradient()).replace(b"IDAT", b"IDAU"), "checksums"),
        (SIGNATURE + chunk(b"IEND"), "begins with its one IHDR"),
        (SIGNATURE + ihdr(3000, 3000) + png(gradient())[8:], "one IHDR"),
        (SIGNATURE + ihdr(64, 64) + chunk(b"IEND"), "with pixels"),
        (SIGNATURE + chunk(b"IHDR", b"short"), "13 bytes"),
        (SIGNATURE + ihdr(64, 0), "Received 64 × 0"),
        (SIGNATURE + ihdr(64, 64, 3), "PNG standard knows"),
        (SIGNATURE + ihdr(64, 64, 16, PALETTE), "PNG standard knows"),
        (SIGNATURE + ihdr(64, 64, 8, 5), "PNG standard knows"),
        (SIGNATURE + ihdr(64, 64, 8, 0, 2), "PNG standard knows"),
        (png(gradient(), before=[chunk(b"ABCD", b"12")]), "critical"),
        (png(gradient(), after=[chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", b"x")]), "in one place"),
        (png(gradient(), before=[chunk(b"acTL", struct.pack(">II", 2, 0))]), "animated"),
    ],
)
def test_a_png_that_contradicts_the_standard_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UndecodableImage, match=message):
        read_header(data)


def test_a_changed_byte_in_the_pixels_of_a_png_is_refused() -> None:
    data = bytearray(png(gradient()))
    data[data.index(b"IDAT") + 20] ^= 1
    with pytest.raises(UndecodableImage, match="checksums"):
        read_header(bytes(data))


def test_a_png_of_one_frame_is_no_animation() -> None:
    """Even where it calls itself one."""
    assert read_header(png(gradient(), before=[chunk(b"acTL", struct.pack(">II", 1, 0))])).width == 64


@pytest.mark.parametrize(("width", "height"), [(64, 64), (64, 256), (256, 64), (100, 400), (400, 2500 // 25)])
def test_sizes_at_the_limits_are_read(width: int, height: int) -> None:
    """64 pixels a side, and four times as long as wide."""
    assert check_dimensions(ImageHeader("PNG", width, height, 1, 8), width * height) is None


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (63, 64, "at least 64"),
        (64, 63, "at least 64"),
        (64, 257, "4 times"),
        (257, 64, "4 times"),
        (100, 401, "4 times"),
    ],
)
def test_sizes_past_the_limits_are_unsuitable(width: int, height: int, message: str) -> None:
    """By one pixel."""
    with pytest.raises(UnsuitableImage, match=message):
        check_dimensions(ImageHeader("PNG", width, height, 1, 8), 10**6)


def test_one_pixel_row_over_the_limit_is_too_many() -> None:
    check_dimensions(ImageHeader("JPEG", 100, 100, 1, 8), 10_000)
    with pytest.raises(TooManyPixels, match=r"at most 10000 pixels\. Received 100 × 101 = 10100"):
        check_dimensions(ImageHeader("JPEG", 100, 101, 1, 8), 10_000)


@pytest.mark.parametrize(
    "data",
    [
        SIGNATURE + ihdr(40_000, 25_000) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND"),
        with_frame(JPEG, width=65_500, height=65_500),
    ],
)
def test_a_promise_of_a_thousand_million_pixels_costs_neither_time_nor_memory(data: bytes) -> None:
    """It is refused before decoding."""
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(TooManyPixels):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert time.process_time() - begun < 0.1
