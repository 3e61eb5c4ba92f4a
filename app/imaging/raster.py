"""JPEG and PNG bytes → gray pixels, with a warning wherever the picture was not plain 8-bit gray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from app.errors import UndecodableImage
from app.imaging.formats import ImageHeader

Gray = NDArray[np.uint8]

COLOUR_DIFFERENCE = 24
COLOUR_SHARE = 0.01
_SAMPLE_BITS = (8, 10, 12, 14, 16)

# How the stored rows and columns become the picture, by EXIF orientation (Exif 2.32, section 4.6.4).
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


@dataclass(frozen=True)
class ImageWarning:
    """Something about a film that its reader should know: a stable code and a sentence."""

    code: str
    detail: str


def decode(data: bytes, header: ImageHeader) -> tuple[Gray, tuple[ImageWarning, ...]]:
    """Decode an image to gray.

    EXIF orientation is obeyed, alpha lies over black, colour becomes luma (ITU-R BT.601), and 16-bit samples
    are scaled by the smallest of 8, 10, 12, 14 and 16 bits that holds their maximum.

    Args:
        data: the whole file; bytes after the end of the image are ignored.
        header: what `read_header` said about these bytes.

    Returns:
        uint8 pixels of shape (height, width), upright, 0 black to 255 white; and the warnings
        (`colour-image`, `reduced-bit-depth`).

    Raises:
        UndecodableImage: the image is truncated, corrupt, or not decodable to one gray frame.
    """
    gray, warnings = _decode_jpeg(data, header) if header.format == "JPEG" else _decode_png(data, header)
    if gray.shape != (header.height, header.width):
        raise UndecodableImage(
            f"Expected {header.width} × {header.height} pixels as the header says. "
            f"Received {gray.shape[1]} × {gray.shape[0]}."
        )
    return np.ascontiguousarray(_ORIENT[header.orientation](gray)), warnings


def _decode_jpeg(data: bytes, header: ImageHeader) -> tuple[Gray, tuple[ImageWarning, ...]]:
    if header.channels not in (1, 3):
        raise UndecodableImage(f"Expected a gray or RGB JPEG. Received one of {header.channels} components.")
    # Strict: a JPEG that was cut and closed again is an error, not a film with a grey rest.
    try:
        if header.channels == 1:
            return simplejpeg.decode_jpeg(data, "GRAY", strict=True)[..., 0], ()
        colour = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError as error:
        raise UndecodableImage(f"Expected a whole JPEG. Received one that the decoder refused: {error}.") from None
    return cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False), _colour_warning(colour)


def _decode_png(data: bytes, header: ImageHeader) -> tuple[Gray, tuple[ImageWarning, ...]]:
    try:
        # UNCHANGED keeps what the gray modes drop: the low byte of 16-bit samples, and alpha.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise UndecodableImage("Expected a whole PNG. Received one that the decoder refused.")
    warnings: tuple[ImageWarning, ...] = ()
    if pixels.dtype == np.uint16:
        pixels, warnings = _scale_to_8_bit(pixels.astype(np.uint16, copy=False))
    if pixels.ndim == 2:
        return pixels.astype(np.uint8, copy=False), warnings
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.uint16)
        pixels = ((pixels[..., :3] * alpha + 127) // 255).astype(np.uint8)
    colour = np.ascontiguousarray(pixels[..., :3], dtype=np.uint8)
    gray = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    return gray, warnings + _colour_warning(colour)


def _scale_to_8_bit(samples: NDArray[np.uint16]) -> tuple[Gray, tuple[ImageWarning, ...]]:
    # Alpha is always written in full range; it says nothing about the depth of the picture.
    picture = samples[..., :3] if samples.ndim == 3 else samples
    maximum = int(picture.max())
    bits = next(bits for bits in _SAMPLE_BITS if maximum < 1 << bits)
    scaled = cv2.convertScaleAbs(samples, alpha=255 / ((1 << bits) - 1))
    if samples.ndim == 3 and samples.shape[2] == 4:
        scaled[..., 3] = cv2.convertScaleAbs(samples[..., 3], alpha=255 / 65535)
    if bits == 16:
        return scaled.astype(np.uint8, copy=False), ()
    warning = ImageWarning(
        "reduced-bit-depth",
        f"The file has 16 bits a sample and its largest value is {maximum}: it was read as {bits}-bit.",
    )
    return scaled.astype(np.uint8, copy=False), (warning,)


def _colour_warning(pixels: NDArray[np.uint8]) -> tuple[ImageWarning, ...]:
    """Warn where the channels differ by more than `COLOUR_DIFFERENCE` in over `COLOUR_SHARE` of the pixels."""
    first, second, third = cv2.split(pixels)
    highest = cv2.max(cv2.max(first, second), third)
    lowest = cv2.min(cv2.min(first, second), third)
    coloured = cv2.countNonZero(cv2.inRange(cv2.subtract(highest, lowest), COLOUR_DIFFERENCE + 1, 255))
    if coloured <= COLOUR_SHARE * highest.size:
        return ()
    return (ImageWarning("colour-image", "The picture is in colour: it was turned to gray, as no X-ray needs to be."),)
