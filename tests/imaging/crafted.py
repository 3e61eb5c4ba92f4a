"""PNG and JPEG files made byte by byte, each wrong in one place."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def ihdr(width: int, height: int, depth: int = 8, color_type: int = GRAY, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, interlace))


def raw_rows(samples: np.ndarray, depth: int = 8) -> bytes:
    """Return uncompressed rows of samples (rows, columns[, channels]), each behind a filter byte 0."""
    if depth == 16:
        rows = [row.astype(">u2").tobytes() for row in samples]
    elif depth == 8:
        rows = [row.astype(np.uint8).tobytes() for row in samples]
    else:
        bits = [((samples.astype(np.uint8) >> (depth - 1 - bit)) & 1) for bit in range(depth)]
        rows = [np.packbits(np.stack(row, -1).reshape(-1)).tobytes() for row in zip(*bits, strict=True)]
    return b"".join(b"\0" + row for row in rows)


def interlaced_rows(samples: np.ndarray, depth: int = 8) -> bytes:
    passes = [samples[row::down, column::across] for row, column, down, across in ADAM7]
    return b"".join(raw_rows(part, depth) for part in passes if part.size)


def png(
    samples: np.ndarray,
    depth: int = 8,
    color_type: int = GRAY,
    *,
    before: Iterable[bytes] = (),
    after: Iterable[bytes] = (),
    compressed: bytes | None = None,
    interlace: int = 0,
) -> bytes:
    """`compressed` replaces IDAT's content."""
    height, width = samples.shape[:2]
    if compressed is None:
        compressed = zlib.compress((interlaced_rows if interlace else raw_rows)(samples, depth))
    return (
        SIGNATURE
        + ihdr(width, height, depth, color_type, interlace)
        + b"".join(before)
        + chunk(b"IDAT", compressed)
        + b"".join(after)
        + chunk(b"IEND")
    )


def gradient(height: int = 64, width: int = 64, top: int = 256) -> np.ndarray:
    """Samples that count from 0 to `top` - 1 along the rows, repeatedly."""
    return (np.arange(height * width, dtype=np.uint32).reshape(height, width) % top).astype(np.uint16)


def tiff(orientation: int, order: str = "MM") -> bytes:
    """EXIF with the orientation alone."""
    sign = ">" if order == "MM" else "<"
    entry = struct.pack(sign + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return order.encode() + struct.pack(sign + "HIH", 42, 8, 1) + entry + struct.pack(sign + "I", 0)


def tiff_of(*entries: Any, order: str = "MM", rest: bytes = b"") -> bytes:
    """EXIF of entries: tag, TIFF type, count, four bytes of value."""
    sign = ">" if order == "MM" else "<"
    packed = b"".join(struct.pack(sign + "HHI4s", tag, kind, count, value) for tag, kind, count, value in entries)
    return order.encode() + struct.pack(sign + "HIH", 42, 8, len(entries)) + packed + bytes(4) + rest


def raw_profile(name: bytes, content: bytes) -> bytes:
    """ImageMagick's text of a PNG's profile."""
    digits = content.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    return f"\n{name}\n{len(content):8}\n{lines}\n".encode()


def segment(marker: int, body: bytes = b"") -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def insert_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def with_frame(
    jpeg: bytes,
    *,
    width: int | None = None,
    height: int | None = None,
    precision: int | None = None,
    components: bytes | None = None,
) -> bytes:
    """Change a baseline JPEG's frame header."""
    start = jpeg.index(b"\xff\xc0") + 4
    frame = list(struct.unpack(">BHHB", jpeg[start : start + 6]))
    for place, value in enumerate((precision, height, width, components)):
        frame[place] = frame[place] if value is None else value
    return jpeg[:start] + struct.pack(">BHHB", *frame) + jpeg[start + 6 :]


def lossless_jpeg(samples: np.ndarray) -> bytes:
    """ITU-T T.81, annex H: each sample as its difference from its left one."""
    height, width = samples.shape
    before = np.roll(samples.astype(int), 1, axis=1)
    before[1:, 0] = samples[:-1, 0]
    before[0, 0] = 128
    bits = []
    for difference in (samples.astype(int) - before).ravel():
        size = int(abs(difference)).bit_length()
        bits.append(f"{size:05b}")
        if size:
            bits.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    data = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xC3, struct.pack(">BHHB3B", 8, height, width, 1, 1, 0x11, 0)),
            segment(0xC4, bytes((0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)))),
            segment(0xDA, bytes((1, 1, 0, 1, 0, 0))),
            data,
            b"\xff\xd9",
        )
    )


def jpeg_in_scans(*gray_jpegs: bytes) -> bytes:
    """A sequential JPEG, a scan a component, of gray JPEGs with common tables."""
    first = gray_jpegs[0]
    frame, scan = first.index(b"\xff\xc0"), first.rindex(b"\xff\xda")
    numbers = range(1, len(gray_jpegs) + 1)
    components = b"".join(bytes((number, 0x11, 0)) for number in numbers)
    header = segment(0xC0, first[frame + 4 : frame + 9] + bytes((len(gray_jpegs),)) + components)
    tables = first[frame + 2 + int.from_bytes(first[frame + 2 : frame + 4], "big") : scan]
    scans = [
        segment(0xDA, bytes((1, number, 0, 0, 63, 0))) + one_scan(jpeg)[10:]
        for number, jpeg in zip(numbers, gray_jpegs, strict=True)
    ]
    return first[:frame] + header + tables + b"".join(scans) + b"\xff\xd9"


def one_scan(jpeg: bytes) -> bytes:
    """The last scan with its header."""
    return jpeg[jpeg.rindex(b"\xff\xda") : -2]
