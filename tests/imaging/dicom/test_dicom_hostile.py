"""Files that lie about their size, end early, or keep a decoder busy."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import uid

from app.errors import ImageError, TooManyPixels, UndecodableImage
from app.imaging.dicom.elements import MAX_READS, MAX_VALUE_BYTES
from app.imaging.preprocess import inspect_film, read_film
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import compressed, film_12_bit, lut, make_film
from tests.imaging.dicom.twins import encode_rle, lossless_twins

ROOT = Path(__file__).parents[3]
FILM = film_12_bit()
GRAY = film_pixels(0, 120, 160)
COLOUR = np.dstack([GRAY, GRAY.T[:120, :160] if GRAY.T.shape[1] >= 160 else GRAY, GRAY])
STREAMS = {
    "rle": (encode_rle(FILM), FILM, 12, uid.RLELossless),
    "baseline": (encode(GRAY), GRAY, 8, uid.JPEGBaseline8Bit),
    "baseline colour": (encode(COLOUR), COLOUR, 8, uid.JPEGBaseline8Bit),
    "extended": (imagecodecs.jpeg8_encode(FILM, 90, bitspersample=12), FILM, 12, uid.JPEGExtended12Bit),
    "lossless": (
        imagecodecs.jpeg8_encode(FILM, lossless=True, predictor=6, bitspersample=12),
        FILM,
        12,
        uid.JPEGLossless,
    ),
    "lossless 16": (
        imagecodecs.jpeg8_encode(FILM * 16, lossless=True, bitspersample=16),
        FILM,
        16,
        uid.JPEGLosslessSV1,
    ),
    "jpeg-ls": (imagecodecs.jpegls_encode(FILM), FILM, 12, uid.JPEGLSLossless),
    "jpeg-2000": (imagecodecs.jpeg2k_encode(FILM, codecformat="j2k", bitspersample=12), FILM, 12, uid.JPEG2000Lossless),
    "htj2k": (imagecodecs.htj2k_encode(FILM, reversible=True), FILM, 12, uid.HTJ2KLossless),
}


def read(data: bytes) -> np.ndarray:
    return read_film(data, width=150, height=150).pixels


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_cut_codestream_is_refused(name: str, kept: float, is_closed: bool) -> None:
    """Also where somebody closed it again, so that no decoder sees an error."""
    stream, film, bits, syntax = STREAMS[name]
    stream = bytes(stream)
    read(compressed(stream, film, bits, syntax))
    cut = stream[: int(len(stream) * kept)] + (stream[-2:] if is_closed else b"")
    with pytest.raises(UndecodableImage):
        read(compressed(cut, film, bits, syntax))


@pytest.mark.parametrize("name", STREAMS)
def test_a_codestream_of_other_dimensions_is_refused(name: str) -> None:
    """Before a codec allocates what it says."""
    stream, film, bits, syntax = STREAMS[name]
    other = np.zeros((film.shape[0] + 40, *film.shape[1:]), film.dtype)
    expected = "decoded" if name == "rle" else "codestream of 160 × 160 pixels .* as in the tags. Received 160 × 120"
    with pytest.raises(UndecodableImage, match=expected):
        read(compressed(bytes(stream), other, bits, syntax))


@pytest.mark.parametrize("name", ["JPEG Lossless SV1", "JPEG-LS Lossless", "JPEG 2000 Lossless"])
def test_lossless_values_over_the_stored_bits_are_refused(name: str) -> None:
    """They are another film's, or a broken one's."""
    data = lossless_twins(FILM, 12)[name]
    stored = b"\x28\0\x01\x01US\2\0"
    with pytest.raises(UndecodableImage, match=r"Expected values of 10 bits\. Received 0 to 4095"):
        read(
            data.replace(stored + b"\x0c\0", stored + b"\x0a\0").replace(
                b"\x28\0\x02\x01US\2\0\x0b", b"\x28\0\x02\x01US\2\0\x09"
            )
        )


def test_cut_native_pixels_are_refused() -> None:
    """Deflated ones too."""
    for name in ("Explicit VR Little Endian", "Deflated Explicit VR Little Endian"):
        data = lossless_twins(FILM, 12)[name]
        with pytest.raises(UndecodableImage, match="bytes of pixels"):
            read(data[: len(data) - 200])


def test_dimensions_are_multiplied_before_anything_is_allocated() -> None:
    with pytest.raises(TooManyPixels, match="65000 × 65000"):
        inspect_film(make_film(Rows=65000, Columns=65000))
    with pytest.raises(TooManyPixels):
        inspect_film(make_film(PixelAspectRatio=["1", "100000"]))


def deflated(dataset: bytes) -> bytes:
    meta = make_film(syntax=uid.DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(meta[140:144], "little")
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return meta[:start] + packer.compress(dataset) + packer.flush()


def test_a_deflated_file_is_inflated_as_far_as_its_pixels_reach() -> None:
    """What lies in front of them or behind, without end, is not."""
    plain = make_film()
    dataset = plain[144 + int.from_bytes(plain[140:144], "little") :]
    bomb = b"\x09\0\x01\0OB\0\0" + (1 << 27).to_bytes(4, "little")
    started = time.monotonic()
    np.testing.assert_array_equal(read(deflated(dataset + bytes(1 << 26))), read(plain))
    with pytest.raises(UndecodableImage):
        read(deflated(dataset[: dataset.index(b"\x10\0")] + bomb + bytes(1 << 26) + dataset))
    assert time.monotonic() - started < 30


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HH2sHI", group, number, vr, 0, len(value) if length is None else length) + value


def behind_group_8(extra: bytes) -> bytes:
    """Return a film with elements before its group 0x0010."""
    data = make_film()
    place = data.index(b"\x10\0\x10\0PN")
    return data[:place] + extra + data[place:]


UNDEFINED = 0xFFFFFFFF
OPEN_ITEM = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "extra",
    [
        (element(9, 0x1010, b"SQ", b"", UNDEFINED) + OPEN_ITEM) * 5000,
        element(9, 0x1010, b"SQ", b"", UNDEFINED) + b"\xfe\xff\x00\xe0\0\0\0\0" * MAX_READS,
        element(9, 0x1010, b"OB", b"") * MAX_READS,
        element(8, 0x0060, b"UT", bytes(MAX_VALUE_BYTES + 2)),
        element(9, 0x1010, b"OB", b"", 0xFFFFFFF0),
    ],
    ids=["nested", "items", "elements", "a long string", "beyond the end"],
)
def test_elements_are_bounded(extra: bytes) -> None:
    """Their depth, their number, and the length of those that are kept."""
    started = time.monotonic()
    with pytest.raises(ImageError):
        read(behind_group_8(extra))
    assert time.monotonic() - started < 60


def test_private_sequences_of_a_usual_size_are_read_over() -> None:
    items = b"".join(OPEN_ITEM + element(9, 2, b"OB", bytes(100)) + b"\xfe\xff\x0d\xe0\0\0\0\0" for _ in range(1000))
    sequence = element(9, 0x1010, b"SQ", b"", UNDEFINED) + items + b"\xfe\xff\xdd\xe0\0\0\0\0"
    np.testing.assert_array_equal(read(behind_group_8(sequence)), read(make_film()))


def test_a_codec_that_panics_is_an_error_of_the_film() -> None:
    """RLE of more bytes than the film has."""
    runs = b"\x81\x07" * (FILM.size // 128) + b"\x81\x07"
    stream = struct.pack("<16I", 2, 64, 64 + len(runs), *[0] * 13) + runs * 2
    with pytest.raises(UndecodableImage, match=r"in RLE Lossless\. Received some that cannot be decoded"):
        read(compressed(stream, FILM, 12, uid.RLELossless))


def test_pixels_of_an_unknown_representation_are_none() -> None:
    """An empty value, whose two letters no standard knows."""
    with pytest.raises(UndecodableImage, match="without"):
        read(make_film().replace(b"\xe0\x7f\x10\0OB", b"\xe0\x7f\x10\0MB").replace(b"\x10\0OW", b"\x10\0MB"))


def test_a_table_without_entries_is_no_table() -> None:
    film = make_film(FILM, 12, VOILUTSequence=lut(np.zeros(16, np.uint16), 12))
    np.testing.assert_array_equal(read(film), read(make_film(FILM, 12)))
