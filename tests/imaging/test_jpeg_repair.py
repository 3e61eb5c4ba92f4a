"""Sloppily written JPEGs are read where whole, and refused where cut, whatever replaces what is missing."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from app.errors import UndecodableImage
from app.imaging import jpeg_padding, raster
from app.imaging.formats import read_header
from app.imaging.jpeg_padding import Scan, fit_zeros
from app.imaging.raster import decode
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import insert_segments, jpeg_in_scans, lossless_jpeg, one_scan, segment

FILM = film_pixels(0, 300, 400)
NOISE = np.random.default_rng(0).integers(0, 256, (96, 128), np.uint8)
RESTARTS = (cv2.IMWRITE_JPEG_RST_INTERVAL, 7)
GRAY_IN_COLOUR = np.dstack([FILM] * 3)
CMYK = simplejpeg.encode_jpeg(np.dstack([255 - FILM] * 3 + [FILM]), colorspace="CMYK")
FILMS = {
    "baseline": encode(FILM),
    "optimised": encode(FILM, ".jpg", cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "noise": encode(NOISE, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100),
    "progressive": encode(FILM, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": encode(FILM, ".jpg", *RESTARTS),
    "colour": encode(GRAY_IN_COLOUR),
    "colour restarts": encode(GRAY_IN_COLOUR, ".jpg", *RESTARTS),
    "colour 4:4:4": encode(GRAY_IN_COLOUR, ".jpg", *RESTARTS, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111),
    "colour optimised": encode(GRAY_IN_COLOUR, ".jpg", *RESTARTS, cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "colour progressive": encode(GRAY_IN_COLOUR, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "in scans": jpeg_in_scans(*(encode(film) for film in (FILM, np.full_like(FILM, 128), np.full_like(FILM, 128)))),
    "CMYK": CMYK,
    "lossless": lossless_jpeg(FILM[:64, :80]),
}
END = b"\xff\xd9"
RESTART = re.compile(b"\xff[\xd0-\xd7]")


def film(name: str) -> Any:
    return pytest.param(FILMS[name], id=name)


all_films = pytest.mark.parametrize("data", [film(name) for name in FILMS])


def read(data: bytes) -> tuple[np.ndarray, dict[str, str]]:
    pixels, warnings = decode(data, read_header(data))
    return pixels, {warning.code: warning.detail for warning in warnings}


def scan_start(data: bytes) -> int:
    header = data.index(b"\xff\xda")
    return header + 2 + int.from_bytes(data[header + 2 : header + 4], "big")


def before_restarts(data: bytes, padding: bytes) -> bytes:
    start = scan_start(data)
    return data[:start] + RESTART.sub(lambda marker: padding + marker[0], data[start:])


def with_version(data: bytes, major: int, minor: int) -> bytes:
    version = data.index(b"JFIF\0") + 5
    return data[:version] + bytes((major, minor)) + data[version + 2 :]


def without_jfif(data: bytes) -> bytes:
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]


def assert_whole(sloppy: bytes, original: bytes, message: str) -> None:
    """Assert the original's pixels, and one warning of the fault."""
    pixels, warnings = read(sloppy)
    assert np.array_equal(read(original)[0], pixels)
    assert list(warnings) == ["sloppy-file"]
    assert message in warnings["sloppy-file"]


@all_films
def test_a_well_written_film_needs_no_second_look(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is decoded once, without a warning."""
    monkeypatch.setattr(raster, "repair", None)
    assert read(data)[1] == {}


@pytest.mark.parametrize("version", [(2, 1), (0, 0), (3, 2), (255, 255)])
@pytest.mark.parametrize("data", [film("baseline"), film("progressive"), film("colour restarts")])
def test_an_unknown_version_of_jfif_is_overlooked(data: bytes, version: tuple[int, ...]) -> None:
    assert_whole(with_version(data, *version), data, "its JFIF version is unknown")


@all_films
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 40, b"\0" * 5000, b"\0\0\0\xff\xff", b"\xff"])
def test_a_film_is_whole_without_its_end_marker(data: bytes, padding: bytes) -> None:
    """Also behind zeros and fill bytes, or with half the marker."""
    assert_whole(data[:-2] + padding, data, "its end marker is missing")


@all_films
@pytest.mark.parametrize("padding", [b"\0" * 12, b"\0" * 4096, b"\0" * 20 + b"\xff" * 3])
def test_zeros_before_the_end_marker_are_padding(data: bytes, padding: bytes) -> None:
    assert_whole(data[:-2] + padding + END, data, "zeros stand before a marker")


@all_films
def test_fill_bytes_before_the_end_marker_are_as_the_standard_allows(data: bytes) -> None:
    pixels, warnings = read(data[:-2] + b"\xff" * 40 + END)
    assert np.array_equal(read(data)[0], pixels)
    assert warnings == {}


@pytest.mark.parametrize("name", ["restarts", "colour restarts", "colour 4:4:4", "colour optimised"])
@pytest.mark.parametrize("padding", [b"\0", b"\0\0", b"\0" * 9, b"\0\xff", b"\0" * 64])
def test_zeros_before_every_restart_marker_are_padding(name: str, padding: bytes) -> None:
    """Also where the data end with a zero, as those of a gray film in colour often do."""
    data = FILMS[name]
    ends_with_zero = [part.endswith(b"\0") for part in RESTART.split(data[scan_start(data) : -2])]
    assert any(ends_with_zero) == (name in ("colour restarts", "colour 4:4:4"))
    assert_whole(before_restarts(data, padding), data, "zeros stand before a marker")


def test_zeros_before_one_restart_marker_are_padding() -> None:
    data = FILMS["colour restarts"]
    for marker in list(RESTART.finditer(data, scan_start(data)))[::9]:
        assert_whole(data[: marker.start()] + b"\0" * 10 + data[marker.start() :], data, "zeros stand before a marker")


def test_zeros_between_the_scans_of_a_progressive_film_are_padding() -> None:
    data = FILMS["progressive"]
    between = data.index(b"\xff\xc4", scan_start(data))
    assert_whole(data[:between] + b"\0" * 50 + data[between:], data, "zeros stand before a marker")


@pytest.mark.parametrize("transform", [2, 3, 7, 255])
def test_an_unknown_adobe_transform_is_taken_as_all_decoders_take_it(transform: int) -> None:
    """Three components are YCbCr, four YCCK."""
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((transform,)))
    plain = without_jfif(FILMS["colour"])
    assert_whole(insert_segments(plain, adobe), plain, "its Adobe segment names unknown colours")
    if transform != 2:
        at = CMYK.index(b"Adobe") + 11
        odd = CMYK[:at] + bytes((transform,)) + CMYK[at + 1 :]
        assert_whole(odd, CMYK, "its Adobe segment names unknown colours")


@pytest.mark.parametrize("data", [film("baseline"), film("restarts"), film("colour")])
@pytest.mark.parametrize("spectrum", [b"\0\0\0", b"\1\x3f\0", b"\0\x3f\1"])
def test_the_spectrum_of_a_sequential_scan_is_overlooked(data: bytes, spectrum: bytes) -> None:
    """Such a scan brings all coefficients."""
    start = scan_start(data)
    assert_whole(data[: start - 3] + spectrum + data[start:], data, "not that of a sequential JPEG")


@pytest.mark.parametrize("pieces", [[(2, 1)], [(1, 2)], [(1, 1), (1, 1)], [(0, 1)]])
def test_a_broken_colour_profile_is_overlooked(pieces: list[Any]) -> None:
    """A whole profile brings no warning."""
    data = FILMS["colour"]
    profile = [segment(0xE2, b"ICC_PROFILE\0" + bytes(piece) + b"x" * 200) for piece in pieces]
    assert_whole(insert_segments(data, *profile), data, "its colour profile is broken")
    whole = [segment(0xE2, b"ICC_PROFILE\0" + bytes((number, 2)) + b"x" * 200) for number in (2, 1)]
    assert read(insert_segments(data, *whole))[1] == {}


@pytest.mark.parametrize("junk", [b"\0", b"\0\0", b"words", b"\xff\0", b"\0\xff\xff"])
@pytest.mark.parametrize("data", [film("baseline"), film("progressive"), film("colour"), film("CMYK")])
def test_bytes_between_the_segments_of_a_header_are_overlooked(data: bytes, junk: bytes) -> None:
    """A segment with too small a length leaves them."""
    for marker in (b"\xff\xdb", b"\xff\xc4", b"\xff\xda"):
        place = data.index(marker)
        assert_whole(data[:place] + junk + data[place:], data, "bytes that belong to nothing stand in its header")


def test_all_faults_at_once_are_read_and_reported() -> None:
    """One warning with several clauses."""
    data = FILMS["colour restarts"]
    sloppy = before_restarts(with_version(data, 2, 1), b"\0\0")[:-2] + b"\0" * 30
    sloppy = insert_segments(sloppy, segment(0xE1, b"Exif\0\0MM"))
    assert_whole(
        sloppy, data, "how to turn it; its JFIF version is unknown; its end marker is missing; zeros stand before"
    )


ENDINGS = (b"", b"\0", b"\0" * 8, b"\0" * 1000, b"\0" * 100_000, b"\xff" * 50, b"\0" * 9 + b"\xff" * 9, b"\xaa" * 50)


def is_taken(data: bytes, colours: str) -> bool:
    """Whether the strict decoder reads it."""
    try:
        return simplejpeg.decode_jpeg(data, colours, strict=True) is not None
    except ValueError:
        return False


@all_films
def test_a_cut_film_stays_cut_whatever_stands_in_the_place_of_the_rest(data: bytes) -> None:
    """Nothing, an end marker, zeros, fill bytes: what the strict decoder refuses stays refused.

    It reads some that were cut a few bytes before their end where as many zeros follow. One changed byte cannot be
    known: a zero in place of the very last, read to its last bit.
    """
    colours = {1: "GRAY", 3: "RGB", 4: "CMYK"}[read_header(data).channels]
    start = scan_start(data)
    points = [*range(start, len(data) - 40, (len(data) - start) // 8), *range(len(data) - 10, len(data) - 2)]
    original = read(data)[0]
    made_whole = []
    for point in points:
        for ending in ENDINGS:
            cut = data[:point] + ending
            for film in (cut, cut + END):
                try:
                    pixels, warnings = read(film)
                except UndecodableImage:
                    continue
                if warnings and not np.array_equal(original, pixels) and not is_taken(cut + END, colours):
                    made_whole.append(len(data) - 2 - point)
    assert max(made_whole, default=0) <= 1


def test_a_film_without_one_of_its_restart_intervals_is_refused() -> None:
    """One, or eight, after which the numbers fit again; or zeros in place of a piece."""
    data = FILMS["restarts"]
    markers = [marker.start() for marker in RESTART.finditer(data, scan_start(data))]
    damaged = [data[: markers[3]] + data[markers[3 + lost] :] for lost in (1, 2, 8)]
    damaged += [data[: markers[4] - 9] + b"\0" * zeros + data[markers[4] :] for zeros in (0, 9, 90)]
    damaged += [data[: markers[4]] + b"\xff\xd0" + data[markers[4] + 2 :]]
    for film in damaged:
        for version in ((1, 1), (2, 1)):
            with pytest.raises(UndecodableImage, match=r"premature end of data|instead of RST"):
                read(with_version(film, *version))


@pytest.mark.parametrize("rest", [b"rest", b"\1" * 20, b"\0\0\1" * 9])
def test_other_bytes_than_zeros_before_a_marker_are_the_rest_of_a_damaged_film(rest: bytes) -> None:
    """Data left over behind the last block show that the stream lost its place."""
    with pytest.raises(UndecodableImage, match="extraneous bytes"):
        read(FILMS["noise"][:-2] + rest + rest + END)
    data = before_restarts(FILMS["restarts"], rest)
    with pytest.raises(UndecodableImage, match="extraneous bytes"):
        read(data)


def test_a_sloppy_header_hides_no_lost_data() -> None:
    for data in (FILMS["restarts"], FILMS["progressive"]):
        sloppy = insert_segments(with_version(data, 2, 1), segment(0xFE) + b"\0\0")
        with pytest.raises(UndecodableImage):
            read(sloppy[: len(sloppy) // 2] + END)


def test_a_film_whose_second_scan_repeats_the_first_stays_refused() -> None:
    """What follows a whole scan is left to the decoder."""
    data = with_version(FILMS["baseline"], 2, 1)
    with pytest.raises(UndecodableImage, match="decoder refused"):
        read(data[:-2] + one_scan(data) + END)


def test_a_zero_that_no_bit_was_read_of_to_the_last_is_no_data() -> None:
    """Writers fill with ones: a zero needed only in part replaces lost data."""
    data = FILMS["colour"]
    head, end = data[2 : scan_start(data)], data[scan_start(data) : -2]

    def decode_counted(film: bytes) -> np.ndarray:
        tried.append(film)
        return simplejpeg.decode_jpeg(film, "RGB", strict=True)

    found = set()
    for cut in range(1, 4):
        for mask in (0xFF, 0xF0, 0xC0, 0x80):
            tried = []
            interval = end[:-cut] + bytes((end[-cut] & mask,)) + b"\0" * 9
            fitted = fit_zeros(Scan(head, (interval,), ()), decode_counted)
            assert len(tried) in (1, 3)
            if fitted is not None:
                found.add(fitted.intervals[0])
                assert not fitted.intervals[0].endswith(b"\0\0")
    assert end in found


def test_intervals_are_tried_one_by_one_within_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with too many, too long a head, or another number than the header's."""
    data = before_restarts(FILMS["restarts"], b"\0\0")
    head = data[2 : scan_start(data)]
    intervals = tuple(RESTART.split(data[scan_start(data) : -2]))
    scan = Scan(head, intervals, (b"\xd0",) * (len(intervals) - 1))
    assert fit_zeros(scan, lambda film: simplejpeg.decode_jpeg(film, "GRAY")) is not None
    assert fit_zeros(Scan(head, intervals[1:], scan.restarts[1:]), pytest.fail) is None
    long = Scan(segment(0xFE, bytes(jpeg_padding.MAX_HEAD_BYTES)) + head, intervals, scan.restarts)
    assert fit_zeros(long, pytest.fail) is None
    monkeypatch.setattr(jpeg_padding, "MAX_INTERVALS", len(intervals) - 1)
    assert fit_zeros(scan, pytest.fail) is None


def test_a_padded_film_whose_header_makes_no_sense_is_refused() -> None:
    """Sampling by nothing, a scan header of no or one byte."""
    for data in (FILMS["colour restarts"], FILMS["restarts"]):
        padded = data[:-2] + b"\0" * 30 + END
        frame, scan = padded.index(b"\xff\xc0"), padded.index(b"\xff\xda")
        no_sampling = bytearray(padded)
        no_sampling[frame + 11 : frame + 10 + 3 * padded[frame + 9] : 3] = bytes(padded[frame + 9])
        header = scan_start(padded)
        for film in (
            bytes(no_sampling),
            *(padded[:scan] + segment(0xDA, body) + padded[header:] for body in (b"", b"\3")),
        ):
            with pytest.raises(UndecodableImage):
                read(film)


def test_millions_of_fill_bytes_in_a_scan_cost_one_pass() -> None:
    data = FILMS["restarts"]
    with pytest.raises(UndecodableImage):
        read(data[: len(data) // 2] + b"\xff" * 3_000_000 + b"\0" + data[len(data) // 2 :])
