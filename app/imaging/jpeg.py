"""JPEG segments, walked as decoders walk them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import UndecodableImage

MAX_SEGMENTS = 10_000
SOI, EOI, SOS, DHT, DRI = 0xD8, 0xD9, 0xDA, 0xC4, 0xDD
APP0, APP1, APP2, APP14, APP15, COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
START, END = b"\xff\xd8", b"\xff\xd9"
CUT = -1
"""The marker of an end that is missing."""

SEQUENTIAL = frozenset({0xC0, 0xC1})
_PROGRESSIVE = 0xC2
# C0 to CF without DHT (C4), JPG (C8) and DAC (CC); DE of hierarchical JPEG (ITU-T T.81, table B.1); F7 of JPEG-LS
# (ITU-T T.87).
START_OF_FRAME = (frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}) | {0xDE, 0xF7}
_UNREAD = {
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE), "a hierarchical JPEG"),
    # May omit bytes at its end: a cut one decodes without a warning.
    **dict.fromkeys((0xC9, 0xCA, 0xCB), "an arithmetic-coded JPEG"),
    0xF7: "a JPEG-LS image",
}
# Without a length: TEM, RST0 to RST7.
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
# FF 00 escapes FF in entropy-coded data, which may hold restart markers. Of a run of FF the last counts; `\xff+` would
# be tried from each of its places.
_MARKER = re.compile(b"\xff[^\xff\x00]", re.DOTALL)
_END_OF_SCAN = re.compile(b"\xff[^\xff\x00\xd0-\xd7]", re.DOTALL)
ENDS_EARLY = "Expected a JPEG with a frame and a scan. Received one whose header ends early."


@dataclass(frozen=True)
class Segment:
    """One marker with its `body` and place in the file.

    `start` to `end`: marker, length and body. `begin` to `start`: an SOS's entropy-coded data, or bytes of no segment,
    fill bytes at best.
    """

    marker: int
    body: bytes
    begin: int
    start: int
    end: int


@dataclass(frozen=True)
class Frame:
    """The frame header: pixels, bits a sample, and `components` as (name, h << 4 | v)."""

    marker: int
    width: int
    height: int
    bit_depth: int
    components: tuple[tuple[int, int], ...]

    @property
    def unit(self) -> tuple[int, int]:
        """Pixels across and down of one unit of an interleaved scan (ITU-T T.81, section A.2)."""
        if len(self.components) == 1:
            return 8, 8
        samplings = [sampling for _, sampling in self.components]
        return 8 * max(sampling >> 4 for sampling in samplings), 8 * max(sampling & 15 for sampling in samplings)


def walk_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments behind SOI up to EOI, or `CUT` where a scan runs to the file's end.

    Like libjpeg, skip bytes of no segment.

    Raises:
        UndecodableImage: the header ends early, or over `MAX_SEGMENTS`.
    """
    position, is_scan = 2, False
    for _ in range(MAX_SEGMENTS):
        match = (_END_OF_SCAN if is_scan else _MARKER).search(data, position)
        if match is None:
            if not is_scan:
                raise UndecodableImage(ENDS_EARLY)
            yield Segment(CUT, b"", position, len(data), len(data))
            return
        marker, end = data[match.start() + 1], match.end()
        if marker not in _STANDALONE and marker != EOI:
            length = int.from_bytes(data[end : end + 2], "big")
            if marker == SOI or length < 2 or end + length > len(data):
                raise UndecodableImage(ENDS_EARLY)
            end += length
        yield Segment(marker, data[match.end() + 2 : end], position, match.start(), end)
        if marker == EOI:
            return
        position, is_scan = end, marker == SOS
    raise UndecodableImage(f"Expected a JPEG of at most {MAX_SEGMENTS} segments. Received one of more.")


def read_frame(segment: Segment) -> Frame:
    """Read a frame header (ITU-T T.81, section B.2.2).

    Raises:
        UndecodableImage: broken, or a kind of JPEG, named in the message, that is not read.
    """
    if len(segment.body) < 6:
        raise UndecodableImage("Expected a JPEG frame header of at least 6 bytes. Received a shorter one.")
    bit_depth, height, width, count = struct.unpack(">BHHB", segment.body[:6])
    unread = _UNREAD.get(segment.marker, "" if bit_depth == 8 else f"a {bit_depth}-bit JPEG")
    if unread:
        raise UndecodableImage(
            "Expected a JPEG of 8 bits a sample that is baseline, progressive or lossless. "
            f"Received {unread}: save it as one of these, or as PNG."
        )
    if count not in (1, 3, 4):
        raise UndecodableImage(f"Expected a gray, RGB or CMYK JPEG. Received one of {count} components.")
    if width == 0 or height == 0:
        raise UndecodableImage(f"Expected a JPEG with a width and a height. Received {width} × {height}.")
    parts = segment.body[6:]
    if len(parts) != 3 * count:
        raise UndecodableImage(f"Expected {3 * count} bytes about {count} JPEG components. Received {len(parts)}.")
    if not all(sampling >> 4 and sampling & 15 for sampling in parts[1::3]):
        raise UndecodableImage("Expected JPEG components with samples. Received one that is sampled 0 times.")
    return Frame(segment.marker, width, height, bit_depth, tuple(zip(parts[::3], parts[1::3], strict=True)))


def is_jfif(segment: Segment) -> bool:
    """Return whether decoders take this for JFIF's segment, which declares YCbCr."""
    return segment.marker == APP0 and len(segment.body) >= 14 and segment.body.startswith(b"JFIF\0")


def is_adobe(segment: Segment) -> bool:
    """Return whether decoders take this for Adobe's segment, whose last byte names the colours."""
    return segment.marker == APP14 and len(segment.body) >= 12 and segment.body.startswith(b"Adobe")


class Progress:
    """The low bits of coefficients that a JPEG's scans have not brought (ITU-T T.81, sections B.2.3, G.1).

    A file cut between scans and closed again decodes without a warning, only coarser.
    """

    def __init__(self, frame: Frame) -> None:
        self._missing_bits = {component: bytearray(b"\xff" * 64) for component, _ in frame.components}
        self._components = len(frame.components)
        self._progressive = frame.marker == _PROGRESSIVE
        self.is_whole = False
        """A sequential scan brought every component: decoders refuse another one behind it."""

    def add(self, scan: bytes) -> None:
        """Add the coefficients that a scan's header names."""
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
        """Whether nothing is missing."""
        return not any(any(missing) for missing in self._missing_bits.values())
