"""Bytes of a film to gray pixels."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from app.errors import UndecodableImage
from app.imaging.colour import COLOUR_DIFFERENCE
from app.imaging.formats import read_header
from app.imaging.raster import decode
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import (
    ADAM7,
    GRAY,
    GRAY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    chunk,
    gradient,
    insert_segments,
    interlaced_rows,
    lossless_jpeg,
    png,
    raw_rows,
    segment,
    tiff,
    with_frame,
)

FILM = film_pixels(0, 80, 100)
JPEG = encode(FILM)
COUNTING = gradient().astype(np.uint8)
# A corner that differs under every rotation and mirroring, as stored and as each orientation shows it.
MARK = np.array([[1, 2, 3], [4, 5, 6]])
UPRIGHT = {
    1: [[1, 2, 3], [4, 5, 6]],
    2: [[3, 2, 1], [6, 5, 4]],
    3: [[6, 5, 4], [3, 2, 1]],
    4: [[4, 5, 6], [1, 2, 3]],
    5: [[1, 4], [2, 5], [3, 6]],
    6: [[4, 1], [5, 2], [6, 3]],
    7: [[6, 3], [5, 2], [4, 1]],
    8: [[3, 6], [2, 5], [1, 4]],
}


def pixels(data: bytes) -> np.ndarray:
    return decode(data, read_header(data))[0]


def codes(data: bytes) -> list[str]:
    return [warning.code for warning in decode(data, read_header(data))[1]]


def blocks(values: Any) -> np.ndarray:
    return np.kron(np.array(values) * 40, np.ones((32, 32), int)).astype(np.uint8)


def stacked(*channels: Any) -> np.ndarray:
    return np.stack(np.broadcast_arrays(*channels), -1)


@pytest.mark.parametrize(
    "options",
    [
        (),
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 3),
        (cv2.IMWRITE_JPEG_OPTIMIZE, 1),
        (cv2.IMWRITE_JPEG_QUALITY, 10),
    ],
)
def test_every_gray_jpeg_gives_the_pixels_that_opencv_gives(options: tuple[Any, ...]) -> None:
    """Baseline, progressive and with restart markers."""
    data = encode(FILM, ".jpg", *options)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(expected, pixels(data))


def test_fill_bytes_and_comments_change_no_pixel() -> None:
    dressed = insert_segments(JPEG, b"\xff\xff", segment(0xFE, b"a comment"), segment(0xED, b"\xff\xd9\xff\xda"))
    assert np.array_equal(pixels(JPEG), pixels(dressed))


def test_bytes_after_the_end_of_an_image_are_ignored() -> None:
    flat = png(COUNTING)
    assert np.array_equal(pixels(JPEG), pixels(JPEG + b"\0more" + JPEG))
    assert np.array_equal(COUNTING, pixels(flat + b"\0more" + flat))


@pytest.mark.parametrize("kind", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 3)])
def test_a_jpeg_cut_at_any_point_is_refused(kind: tuple[Any, ...]) -> None:
    """Down to a missing last byte, closed again or not."""
    data = encode(FILM, ".jpg", *kind)
    start = data.index(b"\xff\xda") + 20
    points = [*range(start, len(data) - 40, len(data) // 25), *range(len(data) - 12, len(data) - 1)]
    read_in_part = []
    for point in points:
        for cut in (data[:point], data[:point] + b"\xff\xd9"):
            try:
                read_in_part.append((point, np.count_nonzero(pixels(cut) != pixels(data))))
            except UndecodableImage:
                continue
    # Where only the padding of the last byte was cut off, nothing is missing.
    assert [lost for _, lost in read_in_part if lost] == []
    assert all(point >= len(data) - 3 for point, _ in read_in_part)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_frame(JPEG, components=3), "Expected 9 bytes about 3 JPEG components. Received 3"),
        (with_frame(JPEG, components=2), "gray, RGB or CMYK JPEG. Received one of 2"),
        (with_frame(JPEG, height=160), "decoder refused"),
        (JPEG.replace(b"\xff\xc0", b"\xff\xc3"), "decoder refused"),
        (JPEG.replace(b"\xff\xdb", b"\xff\xfe"), "decoder refused"),
    ],
)
def test_a_jpeg_that_gives_no_gray_frame_is_refused(data: bytes, message: str) -> None:
    """Two components, a wrong size, another kind than its data, or no tables."""
    with pytest.raises(UndecodableImage, match=message):
        pixels(data)


def test_a_lossless_jpeg_gives_its_samples_back() -> None:
    """A cut one is refused."""
    data = lossless_jpeg(FILM)
    assert np.array_equal(FILM, pixels(data))
    with pytest.raises(UndecodableImage, match="premature end"):
        pixels(data[: len(data) // 2] + b"\xff\xd9")


def cmyk_jpeg(ink: np.ndarray, black: np.ndarray, *options: int) -> bytes:
    """A JPEG as Photoshop writes it, of equal cyan, magenta and yellow: 255 is no ink."""
    return simplejpeg.encode_jpeg(np.dstack([255 - ink] * 3 + [255 - black]), quality=100, colorspace="CMYK")


def test_a_cmyk_jpeg_is_read_as_the_light_that_its_inks_let_through() -> None:
    """Gray in black ink or in three colours is the same gray, and no colour."""
    for data in (cmyk_jpeg(0 * FILM, 255 - FILM), cmyk_jpeg(255 - FILM, 0 * FILM)):
        assert np.abs(FILM.astype(int) - pixels(data)).max() <= 3
        assert codes(data) == []
    half = cmyk_jpeg(FILM // 2, FILM // 2)
    expected = (255 - FILM // 2) * ((255.0 - FILM // 2) / 255)
    assert np.abs(expected - pixels(half)).max() <= 3


def test_a_coloured_cmyk_jpeg_is_a_colour_picture() -> None:
    inks = np.dstack([FILM, FILM[::-1], FILM[:, ::-1], np.full_like(FILM, 255)])
    data = simplejpeg.encode_jpeg(inks, colorspace="CMYK")
    assert codes(data) == ["colour-image"]
    rgb = np.dstack([inks[..., 2], inks[..., 1], inks[..., 0]])
    assert np.abs(cv2.cvtColor(rgb, cv2.COLOR_BGR2GRAY).astype(int) - pixels(data)).max() <= 30


def test_four_components_without_a_word_on_their_inks_are_refused() -> None:
    """Inverted, a film would be its own negative."""
    data = cmyk_jpeg(0 * FILM, FILM)
    assert data[2:4] == b"\xff\xee"
    with pytest.raises(UndecodableImage, match="whether 0 is full ink or none"):
        read_header(data[:2] + data[4 + int.from_bytes(data[4:6], "big") :])


@pytest.mark.parametrize("order", ["MM", "II"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whatever_its_orientation(orientation: int, order: str) -> None:
    """PNG and JPEG."""
    upright = blocks(UPRIGHT[orientation])
    block = tiff(orientation, order)
    assert np.array_equal(upright, pixels(png(blocks(MARK), before=[chunk(b"eXIf", block)])))
    jpeg = insert_segments(encode(blocks(MARK)), segment(0xE1, b"Exif\0\0" + block))
    assert np.abs(upright.astype(int) - pixels(jpeg)).max() <= 3


@pytest.mark.parametrize(("depth", "step"), [(1, 255), (2, 85), (4, 17), (8, 1)])
@pytest.mark.parametrize("interlace", [0, 1])
def test_gray_png_of_few_bits_spreads_over_the_whole_range(depth: int, step: int, interlace: int) -> None:
    """Interlaced or not."""
    samples = gradient(65, 71, 1 << depth)
    assert np.array_equal(samples * step, pixels(png(samples, depth, interlace=interlace)))


def test_a_filter_that_there_is_not_is_found_in_every_row_of_every_pass(capfd: pytest.CaptureFixture[str]) -> None:
    """Also where rows begin in different pieces of a large stream."""
    samples = gradient(801, 803)
    rows = interlaced_rows(samples)
    sizes = [(samples[row::down, column::across].shape) for row, column, down, across in ADAM7]
    starts = np.concatenate([[0], np.cumsum([height * (1 + width) for height, width in sizes])])
    for start, (height, width) in zip(starts, sizes, strict=False):
        for row in (0, height // 2, height - 1):
            wrong = bytearray(rows)
            wrong[start + row * (1 + width)] = 5
            with pytest.raises(UndecodableImage, match="filter"):
                pixels(png(samples, compressed=zlib.compress(bytes(wrong), 1), interlace=1))
    assert capfd.readouterr() == ("", "")


def test_interlaced_png_is_read_to_the_last_pass() -> None:
    """16 bits; no pass is filled evenly."""
    samples = gradient(67, 69, 65536) * 14
    assert np.array_equal(pixels(png(samples, 16)), pixels(png(samples, 16, interlace=1)))


def test_a_palette_is_looked_up() -> None:
    """With transparency, then turned to gray."""
    palette = [chunk(b"PLTE", bytes((200, 200, 200, 100, 100, 100, 10, 10, 10))), chunk(b"tRNS", b"\0\xff")]
    data = png(gradient(top=3), 2, PALETTE, before=palette)
    assert np.array_equal(np.array([0, 100, 10])[gradient(top=3)], pixels(data))


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_lies_over_black(depth: int) -> None:
    """Half transparent is half as bright, in gray and colour."""
    full = (1 << depth) - 1
    gray, half = COUNTING.astype(int) * full // 255, (1 << (depth - 1))
    expected = (COUNTING * 128.0 + 127) // 255
    for channels, color_type in (((gray, half), GRAY_ALPHA), ((gray, gray, gray, half), RGBA)):
        data = png(stacked(*channels), depth, color_type)
        assert np.array_equal(expected, pixels(data))
        assert codes(data) == []


def test_wholly_transparent_is_black() -> None:
    """Hidden colour makes no colour picture."""
    data = png(stacked(255, 0, 0, np.zeros((64, 64))), 8, RGBA)
    assert (pixels(data).max(), codes(data)) == (0, [])


@pytest.mark.parametrize(
    ("depth", "color_type", "key", "samples"),
    [
        (2, GRAY, (3,), gradient(top=4)),
        (8, GRAY, (255,), gradient()),
        (16, GRAY, (65535,), gradient(top=256) * 257),
        (8, RGB, (255,) * 3, stacked(*[gradient()] * 3)),
        (16, RGB, (65535,) * 3, stacked(*[gradient() * 257] * 3)),
    ],
)
def test_the_colour_named_as_transparent_is_black(
    depth: int, color_type: int, key: tuple[int, ...], samples: np.ndarray
) -> None:
    """The tRNS chunk names white here."""
    before = [chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))]
    plain, keyed = pixels(png(samples, depth, color_type)), pixels(png(samples, depth, color_type, before=before))
    assert np.array_equal(np.where(plain == 255, 0, plain), keyed)


def test_colour_becomes_luma() -> None:
    """ITU-R BT.601: 0.299 red, 0.587 green, 0.114 blue; in JPEG within its rounding."""
    colour = np.zeros((64, 64, 3), np.uint8)
    colour[:] = (200, 100, 50)
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert np.unique(pixels(png(colour, 8, RGB))).tolist() == [luma]
    assert np.abs(pixels(encode(colour[..., ::-1], ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100)).astype(int) - luma).max() < 2


@pytest.mark.parametrize(
    ("difference", "coloured", "expected"),
    [
        (COLOUR_DIFFERENCE, 10_000, []),
        (COLOUR_DIFFERENCE + 1, 100, []),
        (COLOUR_DIFFERENCE + 1, 101, ["colour-image"]),
        (255, 100, []),
    ],
)
def test_a_colour_picture_differs_by_more_than_24_in_over_1_percent(
    difference: int, coloured: int, expected: list[Any]
) -> None:
    """100 of 10,000 pixels, and a difference of 24, are no colour yet."""
    for channel in range(3):
        picture = np.zeros((10_000, 3), np.uint8)
        picture[:coloured, channel] = difference
        assert codes(png(picture.reshape(100, 100, 3), 8, RGB)) == expected


def test_a_gray_picture_stored_as_colour_is_no_colour_picture() -> None:
    gray = np.dstack([FILM] * 3)
    assert [codes(encode(gray)), codes(encode(gray, ".png"))] == [[], []]
    assert codes(encode(np.dstack([FILM, FILM[::-1], FILM[:, ::-1]]))) == ["colour-image"]


def test_colour_is_counted_over_the_whole_of_a_large_picture() -> None:
    """Bands change nothing."""
    film = film_pixels(1, 1500, 1400)
    colour = np.dstack([film, film[::-1], film])
    data = encode(colour, ".png")
    assert np.array_equal(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), pixels(data))
    assert codes(data) == ["colour-image"]
    almost = np.dstack([film] * 3)
    almost[:15, :, 0] ^= 255
    assert codes(encode(almost, ".png")) == []


@pytest.mark.parametrize(
    ("maximum", "bits"),
    [
        (0, 8),
        (255, 8),
        (256, 10),
        (1023, 10),
        (1024, 12),
        (4095, 12),
        (4096, 14),
        (16383, 14),
        (16384, 16),
        (65535, 16),
    ],
)
@pytest.mark.parametrize("color_type", [GRAY, RGB, GRAY_ALPHA, RGBA])
def test_16_bit_samples_are_scaled_by_the_bits_that_hold_their_maximum(
    maximum: int, bits: int, color_type: int
) -> None:
    """With a warning below 16; alpha has no part, all black is no error."""
    ramp = np.linspace(0, maximum, 64 * 64).reshape(64, 64).astype(np.uint16)
    channels = {GRAY: [ramp], RGB: [ramp] * 3, GRAY_ALPHA: [ramp, 65535], RGBA: [ramp] * 3 + [65535]}[color_type]
    samples = ramp if color_type == GRAY else stacked(*channels)
    data = png(samples, 16, color_type)
    expected = ramp * (255 / (2**bits - 1))
    assert np.abs(expected - pixels(data)).max() <= 0.5 + 1e-6
    (_, warnings) = decode(data, read_header(data))
    found = [(w.code, f"largest value is {maximum}: it was read as {bits}-bit" in w.detail) for w in warnings]
    assert found == ([] if bits == 16 else [("few-gray-levels", True)])


WHOLE = zlib.compress(raw_rows(COUNTING))
CORRUPT = WHOLE[: len(WHOLE) // 2] + bytes([WHOLE[len(WHOLE) // 2] ^ 0x55]) + WHOLE[len(WHOLE) // 2 + 1 :]


@pytest.mark.parametrize(
    ("compressed", "message"),
    [
        (b"", "Received 0 before"),
        (zlib.compress(b""), "Received 0 before"),
        (zlib.compress(raw_rows(COUNTING)[:2000]), "Expected 4160 bytes of PNG pixels. Received 2000"),
        (zlib.compress(raw_rows(COUNTING)[:-1]), "Received 4159"),
        (zlib.compress(raw_rows(COUNTING) + b"x"), "Received more"),
        (WHOLE[: len(WHOLE) // 2], "before their end"),
        (WHOLE[:-4], "before their end"),
        (WHOLE[:-1] + b"\0", "corrupt"),
        (CORRUPT, "corrupt"),
        (b"no zlib stream", "corrupt"),
        (zlib.compress(b"\5" + raw_rows(COUNTING)[1:]), "filter of 0 to 4"),
        (zlib.compress(raw_rows(COUNTING)[:-65] + b"\5" + raw_rows(COUNTING)[-64:]), "filter of 0 to 4"),
    ],
)
def test_a_png_whose_pixels_are_not_what_its_header_promises_is_refused(
    compressed: bytes, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Too few, too many, cut or corrupt; nothing is printed."""
    with pytest.raises(UndecodableImage, match=message):
        pixels(png(COUNTING, compressed=compressed))
    assert capfd.readouterr() == ("", "")


def test_pixels_that_inflate_without_end_are_refused_at_the_promised_size() -> None:
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(100)) + bomb.flush()
    with pytest.raises(UndecodableImage, match="Received more"):
        pixels(png(COUNTING, compressed=packed))


@pytest.mark.parametrize("palette", [[], [chunk(b"PLTE")], [chunk(b"PLTE", b"1234")], [chunk(b"PLTE", b"123" * 257)]])
def test_a_palette_image_needs_a_palette(palette: list[Any]) -> None:
    """Of 1 to 256 colours."""
    with pytest.raises(UndecodableImage, match="palette"):
        pixels(png(gradient(top=2), 1, PALETTE, before=palette))


def test_words_from_a_file_never_reach_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    """They could name a patient, and libpng would print them."""
    named = [chunk(b"iCCP", b"Doe, Jane\0\0" + zlib.compress(b"x")), chunk(b"zTXt", b"Doe, Jane\0\0bad")]
    damaged = chunk(b"tEXt", b"Doe\0Jane")[:-1] + b"?"
    assert np.array_equal(COUNTING, pixels(png(COUNTING, before=[*named, damaged])))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [b"tEXt", b"gAMA", b"sBIT", b"pHYs", b"tIME"])
def test_a_chunk_beside_the_pixels_may_not_fit_its_checksum(kind: bytes) -> None:
    """The picture is whole; a warning reports the change."""
    damaged = chunk(kind, b"Doe\0Jane")[:-1] + b"?"
    for data in (png(COUNTING, before=[damaged]), png(COUNTING, after=[damaged])):
        decoded, warnings = decode(data, read_header(data))
        assert np.array_equal(COUNTING, decoded)
        assert [(warning.code, "does not fit its checksum" in warning.detail) for warning in warnings] == [
            ("sloppy-file", True)
        ]


def test_pixels_in_many_chunks_are_one_picture() -> None:
    """Empty ones among them."""
    whole = chunk(b"IDAT", WHOLE)
    split = chunk(b"IDAT", WHOLE[:1]) + chunk(b"IDAT") + chunk(b"IDAT", WHOLE[1:50]) + chunk(b"IDAT", WHOLE[50:])
    assert np.array_equal(COUNTING, pixels(png(COUNTING).replace(whole, split)))


def test_a_large_png_is_read_as_a_small_one_is() -> None:
    """Over 64 MiB of pixels are inflated twice."""
    film = np.zeros((4200, 16200), np.uint8)
    film[:64, :64], film[-64:, -64:] = COUNTING, COUNTING
    ok, encoded = cv2.imencode(".png", film, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert ok
    assert np.array_equal(film, pixels(encoded.tobytes()))
    with pytest.raises(UndecodableImage, match="Received 100 before"):
        pixels(png(film, compressed=zlib.compress(b"\0" * 100)))


def test_every_png_that_opencv_writes_comes_back_as_it_was() -> None:
    """All row filters, in gray."""
    for strategy in range(5):
        for filters in (cv2.IMWRITE_PNG_FILTER_SUB, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_FILTER_PAETH):
            options = (cv2.IMWRITE_PNG_STRATEGY, strategy, cv2.IMWRITE_PNG_FILTER, filters)
            assert np.array_equal(FILM, pixels(encode(FILM, ".png", *options)))


@pytest.mark.parametrize("colour", [False, True])
def test_a_progressive_jpeg_cut_between_two_scans_and_closed_is_refused(colour: bool) -> None:
    """Decoded, it would be a coarser film without a warning."""
    film = np.dstack([FILM, FILM[::-1], FILM]) if colour else FILM
    data = encode(film, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    starts = [at for at in range(len(data)) if data.startswith(b"\xff\xda", at)]
    assert len(starts) == read_header(data).scans
    for start in starts[1:]:
        with pytest.raises(UndecodableImage, match="without all of its scans"):
            pixels(data[:start] + b"\xff\xd9")
