"""The end of a JPEG scan's data before padding zeros."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.imaging import jpeg

Decode = Callable[[bytes], NDArray[np.uint8]]
"""Decodes a JPEG; ValueError where the decoder refuses it or warns of anything."""

MAX_INTERVALS = 10_000
"""Restart intervals of a scan that are decoded one by one, each behind the segments before the scan."""

MAX_HEAD_BYTES = 8_192
"""Of these segments: over twice what the largest tables of four components take."""

_MAX_SIDE_PIXELS = 65_500


@dataclass(frozen=True)
class Scan:
    """The segments before a scan, its restart intervals, the markers between."""

    head: bytes
    intervals: tuple[bytes, ...]
    restarts: tuple[bytes, ...]

    def write(self) -> bytes:
        """Return the scan as bytes."""
        markers = (b"", *(b"\xff" + restart for restart in self.restarts))
        return self.head + b"".join(map(bytes.__add__, markers, self.intervals))


def strip_zeros(scan: Scan) -> Scan:
    """Return the scan without zeros at its intervals' ends, even those that are data."""
    return replace(scan, intervals=tuple(_strip(interval) for interval in scan.intervals))


def fit_zeros(scan: Scan, decode: Decode) -> Scan | None:
    """Return the scan without the zeros behind its data; None where the data's end is unknown.

    A zero may be the data's last byte; zeros may also replace lost data and decode to something. So at most one is
    kept, and only if its last bit is read: writers fill a last byte with ones (ITU-T T.81, section F.1.2.3). Each
    interval is decoded as an image of one row of units.
    """
    frame, size_at, length, components = None, 0, 0, b""
    for segment in jpeg.walk_segments(jpeg.START + scan.head + jpeg.END):
        if segment.marker in jpeg.START_OF_FRAME:
            frame, size_at = jpeg.read_frame(segment), segment.start + 5
        elif segment.marker == jpeg.DRI:
            length = int.from_bytes(segment.body, "big")
        elif segment.marker == jpeg.SOS:
            components = segment.body[:1]
    if frame is None or frame.marker not in jpeg.SEQUENTIAL or components != bytes((len(frame.components),)):
        return None
    across, down = frame.unit
    units = -(-frame.width // across) * -(-frame.height // down)
    length = length or units
    if len(scan.intervals) != -(-units // length):
        return None
    if len(scan.intervals) > MAX_INTERVALS or len(scan.head) > MAX_HEAD_BYTES:
        return None
    fitted = []
    for number, interval in enumerate(scan.intervals):
        head = bytearray(jpeg.START + scan.head)
        if len(scan.intervals) > 1:
            width = across * min(length, units - number * length)
            if width > _MAX_SIDE_PIXELS:
                return None
            head[size_at : size_at + 4] = down.to_bytes(2, "big") + width.to_bytes(2, "big")
        end = _find_end(bytes(head), interval, decode)
        if end is None:
            return None
        fitted.append(end)
    return replace(scan, intervals=tuple(fitted))


def _find_end(head: bytes, interval: bytes, decode: Decode) -> bytes | None:
    """Return an interval's data without trailing zeros; None where the data do not end there."""

    def try_with(ending: bytes) -> NDArray[np.uint8] | None:
        try:
            return decode(head + stripped + ending + jpeg.END)
        except ValueError:
            return None

    stripped = _strip(interval)
    if stripped == interval or try_with(b"") is not None:
        return stripped
    picture, other = try_with(b"\0"), try_with(b"\1")
    if picture is None or (other is not None and np.array_equal(picture, other)):
        return None
    return stripped + b"\0"


def _strip(interval: bytes) -> bytes:
    stripped = interval.rstrip(b"\0")
    # A zero that escapes an FF is data.
    return stripped + b"\0" if stripped.endswith(b"\xff") and stripped != interval else stripped
