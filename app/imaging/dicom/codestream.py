"""What a compressed frame says of itself, before a codec sees it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from app.errors import UndecodableImage
from app.imaging import jpeg

_JPEG_LS = 0xF7
_SOC_SIZ = b"\xff\x4f\xff\x51"
_BOXES_BYTES = 4096
_JPEG_FRAME = struct.Struct(">BHHB")
_SIZ = struct.Struct(">HH8IH")


@dataclass(frozen=True)
class Frame:
    """Dimensions and bits of a compressed frame."""

    width: int
    height: int
    components: int
    bit_depth: int
    is_signed: bool = False


@dataclass(frozen=True)
class JpegFrame(Frame):
    """A frame of JPEG or JPEG-LS.

    `marker` is its SOF; `scan_ends`: where each scan's data end; `names_colours`: whether a segment of JFIF or Adobe
    says what the components are; `is_closed`: EOI is there.
    """

    marker: int = 0
    scan_ends: tuple[int, ...] = ()
    names_colours: bool = False
    is_closed: bool = False


def read_jpeg(data: bytes) -> JpegFrame:
    """Read the header of a JPEG or JPEG-LS frame, and find a JPEG's scans.

    Raises:
        UndecodableImage: broken.
    """
    if not data.startswith(jpeg.START):
        raise UndecodableImage("Expected pixels that begin as a JPEG. Received others.")
    marker, body, ends, names_colours, is_closed = 0, b"", [], False, False
    is_scan = False
    for segment in jpeg.walk_segments(data):
        if is_scan:
            ends.append(segment.start)
        if segment.marker in jpeg.START_OF_FRAME:
            if marker:
                raise UndecodableImage("Expected one frame in a JPEG. Received several.")
            marker, body = segment.marker, segment.body
        names_colours = names_colours or jpeg.is_jfif(segment) or jpeg.is_adobe(segment)
        is_scan = segment.marker == jpeg.SOS
        is_closed = segment.marker == jpeg.EOI
        if is_scan and marker == _JPEG_LS:
            # Its data escape FF otherwise (ITU-T T.87, section A.1).
            is_closed = data.rstrip(b"\0").endswith(jpeg.END)
            break
    if len(body) < _JPEG_FRAME.size or not (ends or marker == _JPEG_LS):
        raise UndecodableImage(jpeg.ENDS_EARLY)
    bit_depth, height, width, components = _JPEG_FRAME.unpack(body[: _JPEG_FRAME.size])
    return JpegFrame(
        width,
        height,
        components,
        bit_depth,
        marker=marker,
        scan_ends=tuple(ends),
        names_colours=names_colours,
        is_closed=is_closed,
    )


def find_jpeg_2000(data: bytes) -> tuple[Frame, bytes]:
    """Return the header of a JPEG 2000 codestream and the codestream, without the boxes that some writers put around.

    Raises:
        UndecodableImage: broken, or components of several sizes.
    """
    start = data[:_BOXES_BYTES].find(_SOC_SIZ)
    data = data[start:] if start >= 0 else b""
    if len(data) < 6 + _SIZ.size + 3:
        raise UndecodableImage("Expected pixels that begin as a JPEG 2000 codestream. Received others.")
    (_, _, x_end, y_end, x_start, y_start, *_, count) = _SIZ.unpack(data[4 : 4 + _SIZ.size])
    parts = data[4 + _SIZ.size :][: 3 * count]
    if not count or parts != count * (parts[:1] + b"\1\1"):
        raise UndecodableImage("Expected JPEG 2000 components of one size and depth. Received others.")
    frame = Frame(x_end - x_start, y_end - y_start, count, (parts[0] & 0x7F) + 1, bool(parts[0] & 0x80))
    return frame, data
