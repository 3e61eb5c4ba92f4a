"""One film in every transfer syntax gives one model input."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import cv2
import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread, uid

from app.errors import UndecodableImage, UnsupportedFormat
from app.imaging.preprocess import Film, inspect_film, load_film, read_film
from app.inference.predictor import open_predictor
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import compressed, film_12_bit, make_dataset, make_film, write
from tests.imaging.dicom.twins import FULL, encode_rle, lossless_twins

FILM = film_12_bit()
TWINS = lossless_twins(FILM)
GRAY = film_pixels(0, 120, 160)
COLOUR = np.dstack([film_pixels(seed, 120, 160) for seed in range(3)])


def read(data: bytes) -> Film:
    return read_film(data, width=150, height=150)


def shown(data: bytes) -> np.ndarray:
    film = load_film(data, inspect_film(data), width=150, height=150, max_side=2048)
    assert film.shown is not None
    return film.shown


@pytest.mark.parametrize("name", TWINS)
def test_a_lossless_twin_has_the_same_pixels(name: str) -> None:
    """Every gray level of the film, and of the model's input."""
    film = read(TWINS[name])

    assert film.dicom is not None
    assert film.dicom.transfer_syntax == name.removesuffix(" in fragments")
    np.testing.assert_array_equal(film.pixels, read(make_film(FILM, 12, **FULL)).pixels)
    np.testing.assert_array_equal(shown(TWINS[name]), np.rint(FILM * (255 / 4095)))


@pytest.mark.parametrize("pixels", [GRAY, GRAY[:71, :91], COLOUR], ids=["even", "odd", "colour"])
@pytest.mark.parametrize("representation", ["OB", "OW"])
def test_eight_bit_pixels_in_big_endian_are_swapped_where_they_are_words(
    pixels: np.ndarray, representation: Literal["OB", "OW"]
) -> None:
    """As pydicom reads them."""
    dataset = make_dataset(pixels, 8, syntax=uid.ExplicitVRBigEndian, WindowCenter="128", WindowWidth="256")
    dataset["PixelData"].VR = representation
    data = write(dataset)

    stored = dcmread(io.BytesIO(data))
    assert representation == stored["PixelData"].VR
    np.testing.assert_array_equal(stored.pixel_array, pixels)
    expected = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(shown(data), expected)


@pytest.mark.parametrize("name", ["Explicit VR Little Endian", "JPEG Lossless SV1", "JPEG 2000 Lossless"])
def test_the_negative_twin_has_the_same_pixels(name: str) -> None:
    """MONOCHROME1, with the values exchanged."""
    negative = lossless_twins((4095 - FILM).astype(np.uint16), PhotometricInterpretation="MONOCHROME1")[name]
    np.testing.assert_array_equal(read(negative).pixels, read(TWINS[name]).pixels)


def test_twins_have_one_probability(tiny_store: Path) -> None:
    """To 1e-6."""
    predictor = open_predictor(tiny_store, None)
    found = [predictor.predict(data, operating_point="half").decision.probability for data in TWINS.values()]
    assert np.ptp(found) < 1e-6


def test_the_png_of_the_same_values_is_within_a_gray_level() -> None:
    difference = read(encode(FILM, ".png")).pixels.astype(int) - read(TWINS["JPEG-LS Lossless"]).pixels
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("bits", [9, 10, 16])
@pytest.mark.parametrize("name", ["RLE Lossless", "JPEG Lossless SV1", "JPEG-LS Lossless", "JPEG 2000 Lossless"])
def test_other_depths_are_bit_exact(name: str, bits: int) -> None:
    film = (FILM.astype(np.uint32) * ((1 << bits) - 1) // 4095).astype(np.uint16)
    window = {"WindowCenter": str(1 << (bits - 1)), "WindowWidth": str(1 << bits)}
    np.testing.assert_array_equal(
        shown(lossless_twins(film, bits, **window)[name]), np.rint(film / ((1 << bits) - 1) * 255)
    )


@pytest.mark.parametrize("name", ["RLE Lossless", "JPEG Lossless SV1", "JPEG-LS Lossless", "JPEG 2000 Lossless"])
def test_signed_values_keep_their_sign_in_every_codec(name: str) -> None:
    """A codec of unsigned values brings their two's complement."""
    signed = (FILM.astype(np.int32) - 2048).astype(np.int16)
    stored = (signed & 0xFFF).astype(np.uint16)
    data = lossless_twins(stored, PixelRepresentation=1, WindowCenter="0", WindowWidth="4096")[name]
    np.testing.assert_array_equal(shown(data), np.rint(FILM * (255 / 4095)))


@pytest.mark.parametrize(
    ("stream", "film", "bits", "syntax", "expected"),
    [
        (encode(GRAY), GRAY, 8, uid.JPEGBaseline8Bit, cv2.imdecode(np.frombuffer(encode(GRAY), np.uint8), 0)),
        (imagecodecs.jpeg8_encode(FILM, 90, bitspersample=12), FILM, 12, uid.JPEGExtended12Bit, None),
        (imagecodecs.jpegls_encode(FILM, 2), FILM, 12, uid.JPEGLSNearLossless, None),
        (imagecodecs.jpeg2k_encode(FILM, 60, codecformat="j2k", bitspersample=12), FILM, 12, uid.JPEG2000, None),
        (imagecodecs.htj2k_encode(FILM, 0.001), FILM, 12, uid.HTJ2K, None),
    ],
    ids=["baseline", "extended", "near-lossless", "jpeg-2000", "htj2k"],
)
def test_lossy_pixels_are_the_codecs_own(
    stream: bytes, film: np.ndarray, bits: int, syntax: str, expected: np.ndarray | None
) -> None:
    """And near the film."""
    window = {"WindowCenter": str(1 << (bits - 1)), "WindowWidth": str(1 << bits)}
    gray = shown(compressed(bytes(stream), film, bits, syntax, **window))
    if expected is None:
        decoded = imagecodecs.jpeg2k_decode(stream) if stream[:2] == b"\xff\x4f" else None
        if decoded is None:
            decoded = (
                imagecodecs.jpegls_decode(stream)
                if syntax == uid.JPEGLSNearLossless
                else imagecodecs.jpeg8_decode(stream)
            )
        expected = np.rint(np.clip(decoded, 0, 4095) * (255 / 4095))

    np.testing.assert_array_equal(gray, expected)
    assert np.abs(gray - film * (255 / ((1 << bits) - 1))).max() < 25


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "YBR_FULL"])
def test_the_colours_of_a_jpeg_are_those_that_it_was_made_of(photometric: str) -> None:
    """Named by its own segments, else by the tag."""
    space = "RGB" if photometric == "RGB" else "YCBCR"
    stream = bytes(imagecodecs.jpeg8_encode(COLOUR, 95, colorspace="RGB", outcolorspace=space))
    bare = b"\xff\xd8" + stream[stream.index(b"\xff\xdb") :]
    for codestream in (stream, bare):
        gray = shown(compressed(codestream, COLOUR, 8, uid.JPEGBaseline8Bit, PhotometricInterpretation=photometric))
        assert np.abs(gray.astype(int) - cv2.cvtColor(COLOUR, cv2.COLOR_RGB2GRAY)).max() < 25


@pytest.mark.parametrize(
    ("stream", "syntax", "photometric"),
    [
        (encode_rle(COLOUR), uid.RLELossless, "RGB"),
        (imagecodecs.jpegls_encode(COLOUR), uid.JPEGLSLossless, "RGB"),
        (
            imagecodecs.jpeg2k_encode(COLOUR, codecformat="j2k", reversible=True, mct=True),
            uid.JPEG2000Lossless,
            "YBR_RCT",
        ),
        (imagecodecs.jpeg8_encode(COLOUR, lossless=True), uid.JPEGLosslessSV1, "RGB"),
    ],
    ids=["rle", "jpeg-ls", "jpeg-2000", "jpeg-lossless"],
)
def test_a_lossless_colour_capture_is_exact(stream: bytes, syntax: str, photometric: str) -> None:
    gray = shown(compressed(bytes(stream), COLOUR, 8, syntax, PhotometricInterpretation=photometric))
    np.testing.assert_array_equal(gray, cv2.cvtColor(COLOUR, cv2.COLOR_RGB2GRAY))


def test_a_jpeg_2000_file_within_is_read_as_its_codestream() -> None:
    """Some writers put its boxes around."""
    stream = bytes(imagecodecs.jpeg2k_encode(FILM, codecformat="jp2", reversible=True, bitspersample=12))
    np.testing.assert_array_equal(
        shown(compressed(stream, FILM, 12, uid.JPEG2000Lossless, **FULL)), np.rint(FILM * (255 / 4095))
    )


@pytest.mark.parametrize(
    ("syntax", "name"),
    [(uid.MPEG2MPML, "MPEG2 Main Profile"), ("1.2.840.10008.1.2.4.94", "JPIP"), ("1.2.3.4", "another")],
)
def test_another_transfer_syntax_is_refused(syntax: str, name: str) -> None:
    """It is named where the standard names it."""
    with pytest.raises(UnsupportedFormat, match=f"Received the transfer syntax: {name}"):
        read(compressed(b"\0\0", FILM, 12, syntax))


def test_pixels_that_are_not_written_as_the_syntax_says_are_refused() -> None:
    """Native ones under a codec's name, and another JPEG."""
    with pytest.raises(UndecodableImage, match="written as RLE Lossless"):
        read(make_film(GRAY).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"))
    with pytest.raises(UndecodableImage, match="Expected JPEG Baseline"):
        read(compressed(bytes(imagecodecs.jpeg8_encode(GRAY, lossless=True)), GRAY, 8, uid.JPEGBaseline8Bit))
