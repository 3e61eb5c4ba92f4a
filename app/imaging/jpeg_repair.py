"""A JPEG that the strict decoder refused → one that follows the standard, where no pixel is missing.

libjpeg warns alike of harmless faults and of lost pixels, and the strict decoder refuses both. Harmless ones are
corrected here, and that decoder checks the result: lost data are not replaced; a scan loses only zeros and fill bytes.

JFIF_MAJOR, ADOBE_XFORM, BOGUS_ICC, NOT_SEQUENTIAL: a header number that decoders overlook; corrected.

EXTRANEOUS_DATA: in the header stray bytes, removed; in a scan zeros (padding), removed, or a damaged film, refused.

JPEG_EOF: no end marker; added, but refused where data are missing too.

HIT_MARKER, MUST_RESYNC, HUFF_BAD_CODE, ARITH_BAD_CODE, BOGUS_PROGRESSION: lost data; refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.imaging import jpeg
from app.imaging.jpeg_padding import Decode, Scan, fit_zeros, strip_zeros

_WHOLE_SPECTRUM = bytes((0, 63, 0))
_RESTART = re.compile(b"\xff([\xd0-\xd7])")


@dataclass(frozen=True)
class Repaired:
    """A corrected JPEG, and its faults as clauses about the file."""

    data: bytes
    sloppy: tuple[str, ...]


def repair(data: bytes, decode: Decode) -> Iterator[Repaired]:
    """Yield corrections of a JPEG that `decode`, the strict decoder, refused, the least first.

    Raises:
        UndecodableImage: the file ends within a segment, or has too many.
    """
    scans, rest, sloppy = _write_anew(data)
    if sloppy:
        yield Repaired(_join(scans, rest), sloppy)
    stripped = [strip_zeros(scan) for scan in scans]
    if stripped == scans:
        return
    sloppy = (*sloppy, "zeros stand before a marker")
    yield Repaired(_join(stripped, rest), sloppy)
    fitted = fit_zeros(scans[0], decode) if len(scans) == 1 else None
    if fitted:
        yield Repaired(_join([fitted], rest), sloppy)


def _join(scans: list[Scan], rest: bytes) -> bytes:
    return b"".join((jpeg.START, *(scan.write() for scan in scans), rest, jpeg.END))


def _write_anew(data: bytes) -> tuple[list[Scan], bytes, tuple[str, ...]]:
    """Return the scans with the segments that decoders need, those behind the last, and the faults."""
    segments = list(jpeg.walk_segments(data))
    frame = next(jpeg.read_frame(segment) for segment in segments if segment.marker in jpeg.START_OF_FRAME)
    scans: list[Scan] = []
    head = bytearray()
    sloppy = {} if _is_whole_profile(segments) else {"its colour profile is broken": None}
    is_scan = False
    for segment in segments:
        between = data[segment.begin : segment.start]
        if is_scan:
            pieces = _RESTART.split(between)
            # Fill bytes of the next marker: data never end with FF.
            intervals = tuple(piece.rstrip(b"\xff") for piece in pieces[::2])
            scans.append(Scan(bytes(head), intervals, tuple(pieces[1::2])))
            head.clear()
        elif between.strip(b"\xff"):
            sloppy["bytes that belong to nothing stand in its header"] = None
        if segment.marker == jpeg.CUT:
            sloppy["its end marker is missing"] = None
        if segment.marker in (jpeg.CUT, jpeg.EOI):
            break
        written, wrong = _correct(data[segment.start : segment.end], segment, frame)
        head += written
        if wrong:
            sloppy[wrong] = None
        is_scan = segment.marker == jpeg.SOS
    return scans, bytes(head), tuple(sloppy)


def _correct(written: bytes, segment: jpeg.Segment, frame: jpeg.Frame) -> tuple[bytes, str]:
    """Return a segment corrected, or empty where no decoder needs it, and its fault."""
    marker, body = segment.marker, segment.body
    if jpeg.is_jfif(segment):
        return (written, "") if body[5] == 1 else (written[:9] + b"\1" + written[10:], "its JFIF version is unknown")
    if jpeg.is_adobe(segment):
        # Decoders take unknown numbers for YCbCr of three components, YCCK of four.
        known = {3: b"\1\0", 4: b"\2\0"}.get(len(frame.components), body[11:12])
        if body[11] in known:
            return written, ""
        return written[:15] + known[:1] + written[16:], "its Adobe segment names unknown colours"
    if jpeg.APP0 <= marker <= jpeg.APP15 or marker == jpeg.COMMENT:
        return b"", ""
    if marker == jpeg.SOS and frame.marker in jpeg.SEQUENTIAL and body[-3:] != _WHOLE_SPECTRUM:
        return written[:-3] + _WHOLE_SPECTRUM, "its scan header is not that of a sequential JPEG"
    return written, ""


def _is_whole_profile(segments: list[jpeg.Segment]) -> bool:
    """Return whether an ICC profile's pieces are numbered 1 to their count (ICC.1:2022, annex B.4)."""
    name = b"ICC_PROFILE\0"
    pieces = [part.body for part in segments if part.marker == jpeg.APP2 and part.body.startswith(name)]
    numbers = sorted((body[12], body[13]) for body in pieces if len(body) > 13)
    return numbers == [(number + 1, len(numbers)) for number in range(len(numbers))]
