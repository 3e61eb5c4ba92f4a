"""The orientation in an image's metadata.

Pillow, ExifRead and piexif each miss some of its places; OpenCV returns the blocks unread.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from operator import itemgetter

MAX_BLOCKS = 16
"""Blocks of metadata that are read; more are passed over."""

MAX_TEXT_BYTES = 1 << 18
"""Of a text: inflated and searched."""

_EXIF, _PROFILE, _XMP = range(3)
"""In order of precedence."""

_ORIENTATION = 0x0112
# Formats by TIFF type (TIFF 6.0, section 2); SHORT is right, others occur.
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_UNREADABLE = 0
# The TIFF header behind "Exif\\0\\0", once or twice, and padding.
_TIFF = re.compile(rb".{0,32}?(II|MM)", re.DOTALL)
_EXIF_PREFIX = re.compile(rb".{0,8}?Exif\0", re.DOTALL | re.IGNORECASE)
_DIGITS = tuple(b"%d" % number for number in range(1, 9))
_XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/"
_XMP_NAMESPACE = re.compile(rb"""xmlns:([\w.-]{1,64})\s*=\s*["']http://ns\.adobe\.com/tiff/1\.0/["']""")
# ImageMagick's: profile name, length, bytes in hexadecimal.
_RAW_PROFILE = re.compile(rb"\s*[\w-]{1,32}\s+\d{1,10}\s+([0-9A-Fa-f\s]*)")


class Orientation:
    """One image's orientation, collected block by block.

    The first valid number counts, as in libexif and Pillow: EXIF, then an EXIF profile in a PNG's text, then XMP.
    Programs that turn a picture set the first and forget the last.
    """

    def __init__(self) -> None:
        self._found: list[tuple[int, int]] = []
        self._blocks = 0

    def add_app1(self, body: bytes) -> None:
        """Read a JPEG's APP1 segment: EXIF or XMP."""
        if _EXIF_PREFIX.match(body):
            self._add(_EXIF, _read_exif, body)
        elif body.startswith(_XMP_PREFIX):
            self._add(_XMP, _read_xmp, body)

    def add_exif(self, body: bytes) -> None:
        """Read a PNG's eXIf chunk, with or without leading `Exif`."""
        self._add(_EXIF, _read_exif, body)

    def add_png_text(self, kind: bytes, body: bytes) -> None:
        """Read a PNG's tEXt, zTXt or iTXt chunk."""
        keyword = body[:80].partition(b"\0")[0]
        rank, read, is_hexadecimal = _PNG_TEXTS.get(keyword.lower(), (0, None, False))
        if read is None:
            return
        text = _read_png_text(kind, body[len(keyword) + 1 :])
        if is_hexadecimal:
            profile = _RAW_PROFILE.match(text)
            digits = b"".join(profile[1].split()) if profile else b""
            text = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
        if keyword.lower().endswith(b"app1") and not _EXIF_PREFIX.match(text):
            if not text.startswith(_XMP_PREFIX):
                return
            rank, read = _XMP, _read_xmp
        self._add(rank, read, text)

    def settle(self) -> tuple[int, tuple[str, ...]]:
        """Return 1 to 8 (1: as stored), and the metadata's fault."""
        found = [number for _, number in sorted(self._found, key=itemgetter(0))]
        valid = [number for number in found if number != _UNREADABLE]
        if not valid:
            return 1, ("its metadata tell in no readable way how to turn it",) if found else ()
        if len(set(valid)) > 1:
            return valid[0], ("its metadata contradict each other on how to turn it",)
        return valid[0], ()

    def _add(self, rank: int, read: Callable[[bytes], int | None], block: bytes) -> None:
        self._blocks += 1
        number = read(block) if self._blocks <= MAX_BLOCKS else None
        if number is not None:
            self._found.append((rank, number))


def _read_exif(block: bytes) -> int | None:
    """Return the first directory's orientation (Exif 2.32, section 4.6.4); None: absent, 0: unreadable."""
    if not block.upper().strip(b"EXIF\0\xff"):
        return None
    header = _TIFF.match(block)
    tiff = block[header.start(1) :] if header else b""
    if len(tiff) < 8:
        return _UNREADABLE
    order = "<" if tiff[:2] == b"II" else ">"
    (directory,) = struct.unpack(order + "I", tiff[4:8])
    if directory + 2 > len(tiff):
        return _UNREADABLE
    (count,) = struct.unpack(order + "H", tiff[directory : directory + 2])
    number: int | None = None
    for start in range(directory + 2, directory + 2 + 12 * count, 12):
        if start + 12 > len(tiff):
            return number or _UNREADABLE
        tag, kind, values = struct.unpack(order + "HHI", tiff[start : start + 8])
        if tag == _ORIENTATION and number in (None, _UNREADABLE):
            number = _read_number(tiff, start + 8, order, kind, values)
    return number


def _read_number(tiff: bytes, position: int, order: str, kind: int, values: int) -> int:
    """Return a tag's first value; over four bytes stand at an offset."""
    if kind not in _NUMBERS:
        return _UNREADABLE
    number = struct.Struct(order + _NUMBERS[kind])
    if number.size * max(1, values) > 4:
        (position,) = struct.unpack_from(order + "I", tiff, position)
    if position + number.size > len(tiff):
        return _UNREADABLE
    (value,) = number.unpack_from(tiff, position)
    return int(value) if value in range(1, 9) else _UNREADABLE


def _read_xmp(packet: bytes) -> int | None:
    """Return `tiff:Orientation`, an attribute or an element (XMP specification, part 2, section 3.3)."""
    before, *commented = packet[:MAX_TEXT_BYTES].split(b"<!--")
    packet = before + b"".join(part.partition(b"-->")[2] for part in commented)
    namespace = _XMP_NAMESPACE.search(packet)
    prefix = re.escape(namespace[1] if namespace else b"tiff")
    found = re.search(rb"[<\s]" + prefix + rb""":Orientation\s*(?:=\s*["']|>)\s*([^"'<]{0,16})""", packet)
    if found is None:
        return None
    digits = found[1].strip()
    return int(digits) if digits in _DIGITS else _UNREADABLE


def _read_png_text(kind: bytes, body: bytes) -> bytes:
    """Return the readable text behind a chunk's keyword (PNG, third edition, section 11.3.3)."""
    if kind == b"tEXt":
        return body[:MAX_TEXT_BYTES]
    if kind == b"iTXt":
        is_compressed = body[:1] == b"\1"
        # Behind two bytes about compression, a language and a translated keyword.
        body = body[2:].split(b"\0", 2)[-1]
        if not is_compressed:
            return body[:MAX_TEXT_BYTES]
    else:
        body = body[1:]
    try:
        return zlib.decompressobj().decompress(body, MAX_TEXT_BYTES)
    except zlib.error:
        return b""


_PNG_TEXTS: dict[bytes, tuple[int, Callable[[bytes], int | None], bool]] = {
    b"xml:com.adobe.xmp": (_XMP, _read_xmp, False),
    b"raw profile type xmp": (_XMP, _read_xmp, True),
    b"raw profile type exif": (_PROFILE, _read_exif, True),
    b"raw profile type app1": (_PROFILE, _read_exif, True),
}
"""Texts of a PNG that may hold an orientation, by keyword: precedence, reader, whether hexadecimal."""
