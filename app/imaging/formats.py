"""Sniff the format and the dimensions of an image from its header, before any decoding."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Literal

from app.errors import TooManyPixels, UndecodableImage, UnsuitableImage, UnsupportedFormat

ACCEPTED_FORMATS = ("JPEG", "PNG")
MAX_JPEG_SCANS = 100
MIN_SIDE_PIXELS = 64
MAX_ASPECT_RATIO = 4

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone, without a length: TEM and RST0 to RST7.
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_MARKER = re.compile(b"\xff+([^\xff])", re.DOTALL)


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image says.

    `width` and `height` are in pixels as stored, before `orientation` (an EXIF value, 1 to 8) is applied;
    `channels` counts the stored components (a PNG palette counts as 3); `bit_depth` is bits a sample.
    """

    format: Literal["JPEG", "PNG"]
    width: int
    height: int
    channels: int
    bit_depth: int
    scans: int = 1
    orientation: int = 1


def read_header(data: bytes) -> ImageHeader:
    """Read format and dimensions from the first bytes of an image.

    Args:
        data: the whole file as sent; its name and its declared type play no part.

    Raises:
        UnsupportedFormat: the bytes begin like none of `ACCEPTED_FORMATS`.
        UndecodableImage: they begin like one of them, and the header ends early or contradicts itself.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg_header(data)
    if data.startswith(_PNG_SIGNATURE):
        return _read_png_header(data)
    accepted = " or ".join(ACCEPTED_FORMATS)
    raise UnsupportedFormat(
        f"Expected the bytes of a {accepted} image. Received {len(data)} bytes that begin as neither."
    )


def check_dimensions(header: ImageHeader, max_pixels: int) -> None:
    """Refuse what must not, or need not, be decoded.

    Raises:
        TooManyPixels: width × height is over `max_pixels`, or a JPEG has over `MAX_JPEG_SCANS` scans (each scan
            of a progressive JPEG costs a pass over all pixels, so a small file can cost minutes).
        UnsuitableImage: a side is under `MIN_SIDE_PIXELS`, or one is over `MAX_ASPECT_RATIO` times the other.
    """
    width, height = header.width, header.height
    if width * height > max_pixels:
        raise TooManyPixels(f"Expected at most {max_pixels} pixels. Received {width} × {height} = {width * height}.")
    if header.scans > MAX_JPEG_SCANS:
        raise TooManyPixels(f"Expected a JPEG of at most {MAX_JPEG_SCANS} scans. Received one of {header.scans}.")
    if min(width, height) < MIN_SIDE_PIXELS:
        raise UnsuitableImage(f"Expected at least {MIN_SIDE_PIXELS} pixels a side. Received {width} × {height}.")
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise UnsuitableImage(
            f"Expected a film at most {MAX_ASPECT_RATIO} times as long as wide, or as wide as long. "
            f"Received {width} × {height}."
        )


def _read_jpeg_header(data: bytes) -> ImageHeader:
    position, orientation = 2, 1
    frame: tuple[int, int, int, int] | None = None
    while True:
        marker, body, position = _next_jpeg_segment(data, position)
        if marker in _START_OF_FRAME and frame is None:
            if len(body) < 6:
                raise UndecodableImage("Expected a JPEG frame header of at least 6 bytes. Received a shorter one.")
            bit_depth, height, width, channels = struct.unpack(">BHHB", body[:6])
            if width == 0 or height == 0:
                raise UndecodableImage(f"Expected a JPEG with a width and a height. Received {width} × {height}.")
            frame = (width, height, channels, bit_depth)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _read_exif_orientation(body[6:])
        elif marker == 0xDA:
            break
    if frame is None:
        raise UndecodableImage("Expected a JPEG frame before its first scan. Received none.")
    width, height, channels, bit_depth = frame
    # Entropy-coded data escapes every FF, so both markers are found as they are.
    end = data.find(b"\xff\xd9", position)
    scans = 1 + data.count(b"\xff\xda", position, end if end >= 0 else len(data))
    return ImageHeader("JPEG", width, height, channels, bit_depth, scans, orientation)


def _next_jpeg_segment(data: bytes, position: int) -> tuple[int, bytes, int]:
    """Answer (marker, body, position after it) of the next segment that has a length."""
    while True:
        match = _MARKER.match(data, position)
        if match is None:
            raise UndecodableImage("Expected a JPEG with a frame and a scan. Received one whose header ends early.")
        marker, position = match.group(1)[0], match.end()
        if marker in _STANDALONE:
            continue
        if position + 2 > len(data):
            raise UndecodableImage("Expected a JPEG with a frame and a scan. Received one whose header ends early.")
        length = int.from_bytes(data[position : position + 2], "big")
        if marker == 0xD9 or length < 2 or position + length > len(data):
            raise UndecodableImage("Expected a JPEG with a frame and a scan. Received one whose header ends early.")
        return marker, data[position + 2 : position + length], position + length


def _read_png_header(data: bytes) -> ImageHeader:
    """Walk all chunks: a PNG that ends early, or whose bytes were changed, is refused before it is decoded."""
    header: tuple[int, int, int, int] | None = None
    position, orientation, has_pixels = len(_PNG_SIGNATURE), 1, False
    view = memoryview(data)
    while True:
        if position + 12 > len(data):
            raise UndecodableImage("Expected a PNG that ends with IEND. Received one that ends early.")
        length = int.from_bytes(view[position : position + 4], "big")
        kind = bytes(view[position + 4 : position + 8])
        body_end = position + 8 + length
        if body_end + 4 > len(data):
            raise UndecodableImage("Expected a PNG that ends with IEND. Received one that ends early.")
        is_critical = not kind[0] & 0x20
        if is_critical and zlib.crc32(view[position + 4 : body_end]) != int.from_bytes(
            view[body_end : body_end + 4], "big"
        ):
            raise UndecodableImage("Expected PNG chunks that fit their checksums. Received one that does not.")
        body = view[position + 8 : body_end]
        if header is None and kind != b"IHDR":
            raise UndecodableImage("Expected a PNG that begins with IHDR. Received another chunk first.")
        if kind == b"IHDR":
            header = _read_ihdr(bytes(body))
        elif kind == b"eXIf":
            orientation = _read_exif_orientation(bytes(body))
        elif kind == b"acTL" and length >= 4 and int.from_bytes(body[:4], "big") > 1:
            raise UndecodableImage("Expected an image of one frame. Received an animated PNG.")
        elif kind == b"IDAT":
            has_pixels = True
        elif kind == b"IEND":
            break
        position = body_end + 4
    if header is None or not has_pixels:
        raise UndecodableImage("Expected a PNG with pixels. Received one without.")
    width, height, channels, bit_depth = header
    return ImageHeader("PNG", width, height, channels, bit_depth, 1, orientation)


def _read_ihdr(body: bytes) -> tuple[int, int, int, int]:
    channels_of_color_type = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
    if len(body) != 13:
        raise UndecodableImage(f"Expected a PNG header of 13 bytes. Received {len(body)}.")
    width, height, bit_depth, color_type = struct.unpack(">IIBB", body[:10])
    if color_type not in channels_of_color_type or width == 0 or height == 0:
        raise UndecodableImage("Expected a PNG with a width, a height and a colour type. Received one without.")
    return width, height, channels_of_color_type[color_type], 8 if color_type == 3 else bit_depth


def _read_exif_orientation(tiff: bytes) -> int:
    """Read tag 0x0112 of the first directory; 1 (as stored) where it is absent or unreadable.

    Source: Exif 2.32, section 4.6.4. A broken EXIF block makes no image unreadable, so none is refused for it.
    """
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (directory,) = struct.unpack(order + "I", tiff[4:8])
    if directory + 2 > len(tiff):
        return 1
    (count,) = struct.unpack(order + "H", tiff[directory : directory + 2])
    for start in range(directory + 2, min(directory + 2 + 12 * count, len(tiff) - 11), 12):
        tag, _kind, _count, value = struct.unpack(order + "HHIH", tiff[start : start + 10])
        if tag == 0x0112:
            return value if 1 <= value <= 8 else 1
    return 1
