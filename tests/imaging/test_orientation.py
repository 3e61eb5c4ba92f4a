"""The orientation, wherever an image's metadata hold it."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterable

import cv2
import numpy as np
import pytest

from app.imaging.formats import read_header
from app.imaging.orientation import MAX_BLOCKS
from app.imaging.raster import decode
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import chunk, gradient, insert_segments, png, raw_profile, segment, tiff, tiff_of

FILM = film_pixels(0, 80, 100)
JPEG = encode(FILM)
TAG = 0x0112
NO_TAG = tiff_of((0x0110, 3, 1, b"\0\6\0\0"))
XMP = b"http://ns.adobe.com/xap/1.0/\0"


def exif(block: bytes, prefix: bytes = b"Exif\0\0") -> bytes:
    return segment(0xE1, prefix + block)


def packet(value: object, form: str = 'tiff:Orientation="{}"', namespace: str = "tiff") -> bytes:
    inner = form.format(value)
    attribute, element = (inner, "") if not inner.startswith("<") else ("", inner)
    return (
        f'<x:xmpmeta><rdf:RDF><rdf:Description xmlns:{namespace}="http://ns.adobe.com/tiff/1.0/" '
        f"{attribute}>{element}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def xmp(value: object, **how: str) -> bytes:
    return segment(0xE1, XMP + packet(value, **how))


def in_jpeg(*segments: bytes) -> bytes:
    return insert_segments(JPEG, *segments)


def in_png(*chunks: bytes, after: Iterable[bytes] = ()) -> bytes:
    return png(gradient(), before=chunks, after=after)


def orientation_of(data: bytes) -> tuple[int, tuple[str, ...]]:
    """The orientation and the reported fault."""
    header = read_header(data)
    return header.orientation, header.sloppy


@pytest.mark.parametrize("order", ["MM", "II"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_read_in_both_byte_orders(orientation: int, order: str) -> None:
    """All eight values, in JPEG and PNG."""
    assert orientation_of(in_jpeg(exif(tiff(orientation, order)))) == (orientation, ())
    assert orientation_of(in_png(chunk(b"eXIf", tiff(orientation, order)))) == (orientation, ())


@pytest.mark.parametrize(
    ("kind", "form"),
    [(1, "B3x"), (3, "H2x"), (4, "I"), (6, "b3x"), (7, "B3x"), (8, "h2x"), (9, "i"), (11, "f"), (13, "I")],
)
@pytest.mark.parametrize("order", ["MM", "II"])
def test_the_tag_is_read_as_whatever_number_it_is_stored(kind: int, form: str, order: str) -> None:
    """BYTE, SHORT, LONG, signed, UNDEFINED, FLOAT and IFD, in both byte orders."""
    value = struct.pack((">" if order == "MM" else "<") + form, 6)
    assert orientation_of(in_jpeg(exif(tiff_of((TAG, kind, 1, value), order=order)))) == (6, ())


@pytest.mark.parametrize("order", ["MM", "II"])
@pytest.mark.parametrize("count", [0, 2, 3, 1000])
def test_the_first_of_several_values_counts(count: int, order: str) -> None:
    """Over four bytes, as in a DOUBLE, they stand behind an offset."""
    sign = ">" if order == "MM" else "<"
    offset = len(tiff_of((TAG, 3, 1, bytes(4))))
    here, there = struct.pack(sign + "HH", 6, 1), struct.pack(sign + "I", offset)
    rest = struct.pack(sign + "H", 6) * count
    block = tiff_of((TAG, 3, count, here if count <= 2 else there), order=order, rest=rest)
    assert orientation_of(in_jpeg(exif(block))) == (6, ())
    block = tiff_of((TAG, 12, 1, there), order=order, rest=struct.pack(sign + "d", 6.0))
    assert orientation_of(in_jpeg(exif(block))) == (6, ())


@pytest.mark.parametrize(
    "prefix",
    [
        b"Exif\0\0",
        b"Exif\0\xff",
        b"EXIF\0\0",
        b"\0\0Exif\0\0",
        b"Exif\0\0Exif\0\0",
        b"Exif\0\0\0\0\0\0",
        b"Exif\0\0\n\n",
    ],
)
def test_exif_is_read_behind_every_prefix_that_writers_put_before_it(prefix: bytes) -> None:
    """Doubled, padded, with other last bytes; in PNG too, where none belongs."""
    for order in ("MM", "II"):
        assert orientation_of(in_jpeg(exif(tiff(6, order), prefix))) == (6, ())
        assert orientation_of(in_png(chunk(b"eXIf", prefix + tiff(6, order)))) == (6, ())


@pytest.mark.parametrize(
    ("segments", "orientation"),
    [
        ([exif(tiff(6)), exif(NO_TAG)], 6),
        ([exif(NO_TAG), exif(tiff(6))], 6),
        ([exif(tiff(6)), exif(b"")], 6),
        ([exif(tiff(0)), exif(tiff(6))], 6),
        ([exif(b"rubbish"), exif(tiff(6))], 6),
        ([exif(tiff(6)), exif(b"rubbish")], 6),
        ([exif(tiff_of((TAG, 3, 1, bytes(4)), (TAG, 3, 1, b"\0\6\0\0")))], 6),
        ([xmp(6), exif(NO_TAG)], 6),
        ([segment(0xE2, b"x" * 60_000), segment(0xFE, b"y"), exif(tiff(6))], 6),
        ([segment(0xE1, b"another APP1 that speaks of Exif\0\0" + tiff(6))], 1),
    ],
)
def test_the_first_segment_that_has_a_valid_tag_counts(segments: list[bytes], orientation: int) -> None:
    assert orientation_of(in_jpeg(*segments)) == (orientation, ())


def test_exif_behind_the_tables_and_the_frame_is_read() -> None:
    scan = JPEG.index(b"\xff\xda")
    assert orientation_of(JPEG[:scan] + exif(tiff(8)) + JPEG[scan:]) == (8, ())


@pytest.mark.parametrize(
    ("form", "namespace"),
    [
        ('tiff:Orientation="{}"', "tiff"),
        ("tiff:Orientation='{}'", "tiff"),
        ('tiff:Orientation = "{}"', "tiff"),
        ("<tiff:Orientation>{}</tiff:Orientation>", "tiff"),
        ("<tiff:Orientation>\n {}\n</tiff:Orientation>", "tiff"),
        ('t:Orientation="{}"', "t"),
        ('<!-- tiff:Orientation="3" --><tiff:Orientation>{}</tiff:Orientation>', "tiff"),
    ],
)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_xmp_is_read_where_there_is_no_exif(form: str, namespace: str, orientation: int) -> None:
    """Attribute or element, any prefix of its namespace, JPEG and PNG."""
    how = {"form": form, "namespace": namespace}
    assert orientation_of(in_jpeg(xmp(orientation, **how))) == (orientation, ())
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + packet(orientation, **how)
    assert orientation_of(in_png(chunk(b"iTXt", text))) == (orientation, ())


EXIF_PROFILE = raw_profile("exif", b"Exif\0\0" + tiff(6))
APP1_PROFILE = raw_profile("APP1", XMP + packet(6))


@pytest.mark.parametrize(
    "body",
    [
        chunk(b"tEXt", b"Raw profile type exif\0" + EXIF_PROFILE),
        chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile("exif", tiff(6, "II"))),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(EXIF_PROFILE)),
        chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(EXIF_PROFILE)),
        chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(APP1_PROFILE)),
        chunk(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(EXIF_PROFILE)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0en\0words\0" + zlib.compress(packet(6))),
        chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(raw_profile("xmp", packet(6)))),
        chunk(b"eXIf", tiff(6)),
    ],
)
def test_every_place_in_a_png_is_looked_at(body: bytes) -> None:
    """Texts of ImageMagick and Adobe, compressed or not, before or behind the pixels."""
    assert orientation_of(in_png(body)) == (6, ())
    assert orientation_of(in_png(after=[body])) == (6, ())


@pytest.mark.parametrize(
    "data",
    [
        in_jpeg(exif(tiff(6)), xmp(1)),
        in_jpeg(xmp(1), exif(tiff(6))),
        in_jpeg(exif(tiff(6)), exif(tiff(3))),
        in_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet(1)), after=[chunk(b"eXIf", tiff(6))]),
        in_png(chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile("exif", tiff(8))), chunk(b"eXIf", tiff(6))),
        in_png(
            chunk(b"tEXt", b"Raw profile type exif\0" + EXIF_PROFILE), chunk(b"eXIf", NO_TAG), chunk(b"eXIf", tiff(6))
        ),
    ],
)
def test_exif_wins_over_what_contradicts_it_with_a_warning(data: bytes) -> None:
    """EXIF, then a text's profile, then XMP, the first of each; without a warning where all agree."""
    orientation, sloppy = orientation_of(data)
    agree = b"Raw profile type exif\0" + EXIF_PROFILE in data and b"eXIf" + NO_TAG in data
    assert (orientation, sloppy) == (6, () if agree else ("its metadata contradict each other on how to turn it",))


BROKEN = [
    b"MM\0*\0\0",
    b"XX" + tiff(6)[2:],
    tiff(0),
    tiff(9),
    tiff_of((TAG, 2, 2, b"6\0\0\0")),
    tiff_of((TAG, 4, 1, b"\xff\xff\xff\xff")),
    tiff_of((TAG, 3, 3, b"\xff\xff\xff\xff")),
    tiff_of((TAG, 11, 1, b"\x7f\xc0\0\0")),
    b"MM\0*\xff\xff\xff\xff" + tiff(6)[8:],
    tiff(6)[:9],
    tiff(6)[:20],
    b"MM\0*\0\0\0\x08\xff\xff",
]


@pytest.mark.parametrize("block", BROKEN)
def test_unreadable_metadata_leave_the_image_as_stored_with_a_warning(block: bytes) -> None:
    """The warning says that the film may lie on its side."""
    for data in (in_jpeg(exif(block)), in_png(chunk(b"eXIf", block))):
        pixels, warnings = decode(data, read_header(data))
        assert orientation_of(data)[0] == 1
        assert pixels.shape in (FILM.shape, (64, 64))
        assert [warning.code for warning in warnings] == ["sloppy-file"]
        assert "in no readable way how to turn it" in warnings[0].detail


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", NO_TAG, tiff_of(), b"MM\0*\0\0\0\x08\0\0"])
def test_metadata_without_the_tag_say_nothing(block: bytes) -> None:
    """Nor do empty ones."""
    assert orientation_of(in_jpeg(exif(block))) == (1, ())
    assert orientation_of(in_png(chunk(b"eXIf", block))) == (1, ())


@pytest.mark.parametrize(
    "body",
    [
        chunk(b"zTXt", b"Raw profile type exif\0\0no zlib stream"),
        chunk(b"zTXt", b"Raw profile type exif"),
        chunk(b"tEXt", b"Raw profile type exif\0exif 12 xyz"),
        chunk(b"tEXt", b"Raw profile type exif\0exif 12 4"),
        chunk(b"tEXt", b"Raw profile type APP1\0" + raw_profile("APP1", b"something else")),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation"),
        chunk(b"tEXt", b"Comment\0tiff:Orientation='6'"),
    ],
)
def test_broken_texts_make_no_image_unreadable(body: bytes) -> None:
    assert orientation_of(in_png(body)) == (1, ())


def test_a_film_on_its_side_stands_upright_in_the_pixels() -> None:
    """The tag is LONG in big-endian order."""
    data = in_jpeg(exif(tiff_of((TAG, 4, 1, b"\0\0\0\6"))))
    assert np.array_equal(
        cv2.rotate(decode(JPEG, read_header(JPEG))[0], cv2.ROTATE_90_CLOCKWISE), decode(data, read_header(data))[0]
    )


@pytest.mark.parametrize(
    "data",
    [
        in_jpeg(*[exif(tiff_of(*[(0x0110, 3, 1, bytes(4))] * 5000))] * 200),
        in_png(*[chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(1 << 26), 9))] * 20),
        in_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<!--" * 500_000)),
        in_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b" tiff:Orientation \n" * 100_000)),
        in_png(chunk(b"tEXt", b"Raw profile type exif\0exif 9 " + b"4\n" * 1_000_000)),
    ],
    ids=["entries", "bomb", "comments", "tags", "digits"],
)
def test_hostile_metadata_cost_little(data: bytes) -> None:
    begun = time.process_time()
    assert orientation_of(data)[0] == 1
    assert time.process_time() - begun < 0.5


def test_blocks_beyond_the_limit_are_passed_over() -> None:
    assert orientation_of(in_jpeg(*[exif(NO_TAG)] * (MAX_BLOCKS - 1), exif(tiff(6)))) == (6, ())
    assert orientation_of(in_jpeg(*[exif(NO_TAG)] * MAX_BLOCKS, exif(tiff(6)))) == (1, ())
