"""Sniff the format and the dimensions of an image from its header, before any decoding."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal

from app.errors import TooManyPixels, UndecodableImage, UnsuitableImage, UnsupportedFormat
from app.imaging import png

ACCEPTED_FORMATS = ("JPEG", "PNG")
MAX_JPEG_SCANS = 100
MAX_JPEG_SEGMENTS = 10_000
MIN_SIDE_PIXELS = 64
MAX_ASPECT_RATIO = 4

# Start-of-frame markers: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone, without a length: TEM and RST0 to RST7.
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_MARKER = re.compile(b"\xff+([^\xff])", re.DOTALL)
# Entropy-coded data escapes every FF by 00 and may hold restart markers: anything else ends it. One FF only: a
# repeated one would be tried again from each of its places.
_END_OF_SCAN = re.compile(b"\xff[^\xff\x00\xd0-\xd7]", re.DOTALL)
_ENDS_EARLY = "Expected a JPEG with a frame and a scan. Received one whose header ends early."


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image says.

    `width` and `height` are in pixels as stored, before `orientation` (an EXIF value, 1 to 8) is applied;
    `channels` counts the stored components (a PNG palette counts as 3); `bit_depth` is bits a sample;
    `complete` tells whether the scans of a JPEG bring every coefficient to its last bit.
    """

    format: Literal["JPEG", "PNG"]
    width: int
    height: int
    channels: int
    bit_depth: int
    scans: int = 1
    orientation: int = 1
    complete: bool = True

    @property
    def decoded_bytes(self) -> int:
        """Bytes of memory that its samples take when they are decoded."""
        return self.width * self.height * self.channels * (2 if self.bit_depth > 8 else 1)


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
    if data.startswith(png.SIGNATURE):
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
    position, orientation, scans = 2, 1, 0
    frame: tuple[int, int, int, int] | None = None
    progress: _Progress | None = None
    for _ in range(MAX_JPEG_SEGMENTS):
        if scans:
            # Segments between scans may hold any bytes, so they are walked and not searched.
            match = _END_OF_SCAN.search(data, position)
            if match is None or match[0] == b"\xff\xd9":
                break
            position = match.start()
        marker, body, position = _next_jpeg_segment(data, position)
        if marker in _START_OF_FRAME and frame is None:
            if len(body) < 6:
                raise UndecodableImage("Expected a JPEG frame header of at least 6 bytes. Received a shorter one.")
            bit_depth, height, width, channels = struct.unpack(">BHHB", body[:6])
            if width == 0 or height == 0:
                raise UndecodableImage(f"Expected a JPEG with a width and a height. Received {width} × {height}.")
            frame = (width, height, channels, bit_depth)
            progress = _Progress(body[6 : 6 + 3 * channels : 3], marker in _PROGRESSIVE)
        elif marker == 0xE1 and not scans and body.startswith(b"Exif\0\0"):
            orientation = _read_exif_orientation(body[6:])
        elif marker == 0xDA:
            if progress is None:
                raise UndecodableImage("Expected a JPEG frame before its first scan. Received none.")
            progress.add(body)
            scans += 1
            if progress.is_whole or scans > MAX_JPEG_SCANS:
                break
    else:
        raise UndecodableImage(f"Expected a JPEG of at most {MAX_JPEG_SEGMENTS} segments. Received one of more.")
    if frame is None or progress is None:
        raise UndecodableImage(_ENDS_EARLY)
    width, height, channels, bit_depth = frame
    return ImageHeader("JPEG", width, height, channels, bit_depth, scans, orientation, progress.complete)


class _Progress:
    """Which coefficients of a JPEG its scans have brought, and how many low bits of each are still to come.

    A file that was cut between two scans and closed again decodes without a warning, only coarser: nothing but
    this tells it from a whole one. Source: ITU-T T.81, sections B.2.3 and G.1.
    """

    def __init__(self, components: bytes, progressive: bool) -> None:
        self._missing_bits = {component: bytearray(b"\xff" * 64) for component in components}
        self._components = len(components)
        self._progressive = progressive
        self.is_whole = False
        """A scan that is not progressive brought every component: decoders refuse another one behind it."""

    def add(self, scan: bytes) -> None:
        """Note what the header of a scan says that it brings."""
        count = scan[0] if scan else 0
        self.is_whole = self.is_whole or (count == self._components and not self._progressive)
        components, rest = scan[1 : 1 + 2 * count : 2], scan[1 + 2 * count :]
        if len(rest) < 3:
            return
        first, last, low = (rest[0], min(rest[1], 63), rest[2] & 15) if self._progressive else (0, 63, 0)
        for component in components:
            if component in self._missing_bits and first <= last:
                self._missing_bits[component][first : last + 1] = bytes([low]) * (last + 1 - first)

    @property
    def complete(self) -> bool:
        """Nothing is left to come."""
        return not any(any(missing) for missing in self._missing_bits.values())


def _next_jpeg_segment(data: bytes, position: int) -> tuple[int, bytes, int]:
    """Answer (marker, body, position after it) of the next segment; a marker that stands alone has no body."""
    match = _MARKER.match(data, position)
    if match is None:
        raise UndecodableImage(_ENDS_EARLY)
    marker, position = match.group(1)[0], match.end()
    if marker in _STANDALONE:
        return marker, b"", position
    length = int.from_bytes(data[position : position + 2], "big")
    # FF 00 is no marker to a decoder: taken for one, its length could hide another frame header from us.
    if marker in (0x00, 0xD8, 0xD9) or length < 2 or position + length > len(data):
        raise UndecodableImage(_ENDS_EARLY)
    return marker, data[position + 2 : position + length], position + length


def _read_png_header(data: bytes) -> ImageHeader:
    """Walk all chunks: a PNG that ends early, or whose bytes were changed, is refused before it is decoded."""
    header: png.PngHeader | None = None
    orientation, before = 1, b""
    for kind, body in png.walk_chunks(data):
        if (kind == b"IHDR") is not (header is None):
            raise UndecodableImage("Expected a PNG that begins with its one IHDR. Received another order of chunks.")
        if kind == b"IHDR":
            header = png.read_ihdr(bytes(body))
        elif kind == b"eXIf":
            orientation = _read_exif_orientation(bytes(body))
        elif kind == b"acTL" and len(body) >= 4 and int.from_bytes(body[:4], "big") > 1:
            raise UndecodableImage("Expected an image of one frame. Received an animated PNG.")
        elif kind == b"IDAT" and before == b"other":
            raise UndecodableImage("Expected the pixels of a PNG in one place. Received them scattered.")
        before = b"IDAT" if kind == b"IDAT" else b"other" if before else b""
    if header is None or not before:
        raise UndecodableImage("Expected a PNG with pixels. Received one without.")
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[header.color_type]
    bit_depth = 8 if header.color_type == 3 else header.bit_depth
    return ImageHeader("PNG", header.width, header.height, channels, bit_depth, 1, orientation)


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
