"""JPEG and PNG bytes → gray pixels and notices."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import simplejpeg

from app.errors import UndecodableImage
from app.imaging.colour import Gray, Samples, scale_to_8_bit, turn_gray
from app.imaging.formats import ImageHeader
from app.imaging.jpeg_padding import Decode
from app.imaging.jpeg_repair import repair
from app.imaging.png import pack_pixels
from app.notice import Notice

_JPEG_COLOURS = {1: "GRAY", 3: "RGB", 4: "CMYK"}
_SAMPLE_BITS = (8, 10, 12, 14, 16)

# As stored → upright, by EXIF orientation (Exif 2.32, section 4.6.4).
_ORIENT: dict[int, Callable[[Gray], Gray]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.T,
    6: lambda pixels: pixels.T[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].T,
    8: lambda pixels: pixels.T[::-1],
}


def decode(data: bytes, header: ImageHeader, *, least_side: int | None = None) -> tuple[Gray, tuple[Notice, ...]]:
    """Decode a whole file to upright gray, uint8 (height, width), 0 black to 255 white, with notices.

    Alpha lies over black, colour becomes luma (ITU-R BT.601), and 16-bit samples are scaled by the smallest of 8, 10,
    12, 14 and 16 bits that holds their maximum. Bytes behind the image are ignored. With `least_side`, a JPEG is
    decoded at the smallest of the scales 1, 1/2, 1/4 and 1/8 that leaves so many pixels on both sides.

    Raises:
        UndecodableImage: truncated, corrupt, or not decodable to one gray frame.
    """
    divisor = _choose_divisor(header, least_side)
    gray, warnings, sloppy = (
        _decode_jpeg(data, header, divisor) if header.format == "JPEG" else _decode_png(data, header)
    )
    if sloppy := header.sloppy + sloppy:
        detail = f"No pixel of the file is missing, but it is not written as the standards ask: {'; '.join(sloppy)}."
        warnings = (Notice("sloppy-file", detail), *warnings)
    width, height = -(-header.width // divisor), -(-header.height // divisor)
    if gray.shape != (height, width):
        raise UndecodableImage(
            f"Expected {width} × {height} pixels as the header says. Received {gray.shape[1]} × {gray.shape[0]}."
        )
    return np.ascontiguousarray(_ORIENT[header.orientation](gray)), warnings


def _choose_divisor(header: ImageHeader, least_side: int | None) -> int:
    """Return by what a JPEG's sides are divided while it is decoded; libjpeg rounds them up."""
    if header.format != "JPEG" or least_side is None:
        return 1
    return max(
        divisor for divisor in (1, 2, 4, 8) if divisor == 1 or min(header.width, header.height) >= divisor * least_side
    )


def _decode_jpeg(data: bytes, header: ImageHeader, divisor: int) -> tuple[Gray, tuple[Notice, ...], tuple[str, ...]]:
    if not header.complete:
        raise UndecodableImage("Expected a whole JPEG. Received one without all of its scans.")
    pixels, sloppy = _decode_whole(data, header, divisor)
    if header.channels == 1:
        return pixels[..., 0], (), sloppy
    # Adobe's CMYK counts light, not ink: its fourth channel is an alpha over black.
    return *turn_gray(pixels, cv2.COLOR_RGB2GRAY), sloppy


def _decode_whole(data: bytes, header: ImageHeader, divisor: int) -> tuple[Gray, tuple[str, ...]]:
    decode: Decode = partial(_decode_strictly, header, divisor)
    try:
        return decode(data), ()
    except ValueError as error:
        refusal = error
    # Whole: at a smaller scale the last bits of a scan may change no pixel.
    for repaired in repair(data, partial(_decode_strictly, header, 1)):
        try:
            return decode(repaired.data), repaired.sloppy
        except ValueError as error:
            refusal = error
    raise UndecodableImage(f"Expected a whole JPEG. Received one that the decoder refused: {refusal}.")


def _decode_strictly(header: ImageHeader, divisor: int, data: bytes) -> Gray:
    """Decode a JPEG; one cut and closed again is an error, not a film with a gray rest."""
    # A factor of 1 keeps a small film from being enlarged.
    least = {"min_width": -(-header.width // divisor), "min_height": -(-header.height // divisor), "min_factor": 1}
    scale = least if divisor > 1 else {}
    pixels: Gray = simplejpeg.decode_jpeg(data, _JPEG_COLOURS[header.channels], strict=True, **scale)
    return pixels


def _decode_png(data: bytes, header: ImageHeader) -> tuple[Gray, tuple[Notice, ...], tuple[str, ...]]:
    packed = pack_pixels(data)
    try:
        # The gray modes drop the low byte of 16-bit samples, and alpha.
        decoded = cv2.imdecode(np.frombuffer(packed.data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise UndecodableImage("Expected a whole PNG. Received one that the decoder refused.")
    pixels: Samples = decoded  # type: ignore[assignment]  # OpenCV names no dtype; PNG has these two
    if packed.transparent_gray is not None:
        # Samples under 8 bits were spread over 0 to 255.
        spread = 255 // ((1 << header.bit_depth) - 1) if header.bit_depth < 8 else 1
        pixels[pixels == packed.transparent_gray * spread] = 0
    bits, warnings = _bits_used(pixels)
    if pixels.ndim == 2:
        return scale_to_8_bit(pixels, bits), warnings, ()
    gray, colour_warnings = turn_gray(pixels, cv2.COLOR_BGR2GRAY, bits)
    return gray, warnings + colour_warnings, ()


def _bits_used(samples: Samples) -> tuple[int, tuple[Notice, ...]]:
    """Return how many bits hold the largest sample: 8 to 16 of 16 stored."""
    if samples.dtype != np.uint16:
        return 8, ()
    # Alpha is always in full range.
    picture = samples[..., :3] if samples.ndim == 3 else samples
    maximum = int(picture.max())
    bits = next(bits for bits in _SAMPLE_BITS if maximum < 1 << bits)
    if bits == 16:
        return bits, ()
    return bits, (
        Notice(
            "few-gray-levels",
            f"The file has 16 bits a sample and its largest value is {maximum}: it was read as {bits}-bit.",
        ),
    )
