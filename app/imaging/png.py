"""A PNG's chunks, checked before decoding and repacked for the decoder."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.errors import UndecodableImage

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000
_LAST_FILTER = 4
_INFLATE_BYTES = 1 << 18
# Larger pixels stay deflated and are inflated twice, to save the memory of a stored copy.
_STORED_BYTES = 1 << 26
# Bit depths of each colour type (PNG, third edition, table 12), and samples a pixel.
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Interlaced passes (section 8.2): first row, first column, row step, column step.
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


@dataclass(frozen=True)
class PngHeader:
    """The IHDR chunk; sizes in pixels, `bit_depth` in bits a sample."""

    width: int
    height: int
    bit_depth: int
    color_type: int
    interlaced: bool

    def passes(self) -> list[tuple[int, int]]:
        """Return (rows, bytes a row with its filter byte) of every pass, inflated."""
        bits = self.bit_depth * _SAMPLES[self.color_type]
        sizes = []
        for row, column, row_step, column_step in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            rows = -(-(self.height - row) // row_step)
            columns = -(-(self.width - column) // column_step)
            if rows > 0 and columns > 0:
                sizes.append((rows, 1 + (columns * bits + 7) // 8))
        return sizes


@dataclass(frozen=True)
class Packed:
    """A PNG of pixels alone; tRNS makes the sample `transparent_gray` transparent."""

    data: bytearray
    transparent_gray: int | None


def walk_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Yield (kind, body, whether its checksum fits) of every chunk to IEND.

    Raises:
        UndecodableImage: an early end, an unknown or broken critical chunk, or over `MAX_CHUNKS`.
    """
    position, view = len(SIGNATURE), memoryview(data)
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            raise UndecodableImage("Expected a PNG that ends with IEND. Received one that ends early.")
        length = int.from_bytes(view[position : position + 4], "big")
        kind = bytes(view[position + 4 : position + 8])
        body_end = position + 8 + length
        if body_end + 4 > len(data):
            raise UndecodableImage("Expected a PNG that ends with IEND. Received one that ends early.")
        is_critical = not kind[0] & 0x20
        fits = zlib.crc32(view[position + 4 : body_end]) == int.from_bytes(view[body_end : body_end + 4], "big")
        if is_critical and not fits:
            raise UndecodableImage("Expected PNG chunks that fit their checksums. Received one that does not.")
        if is_critical and kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            raise UndecodableImage("Expected the chunks of the PNG standard. Received another that is critical.")
        yield kind, view[position + 8 : body_end], fits
        if kind == b"IEND":
            return
        position = body_end + 4
    raise UndecodableImage(f"Expected a PNG of at most {MAX_CHUNKS} chunks. Received one of more.")


def read_ihdr(body: bytes) -> PngHeader:
    """Read the IHDR chunk.

    Raises:
        UndecodableImage: broken, or no combination of the standard.
    """
    if len(body) != 13:
        raise UndecodableImage(f"Expected a PNG header of 13 bytes. Received {len(body)}.")
    width, height, bit_depth, color_type, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if width == 0 or height == 0:
        raise UndecodableImage(f"Expected a PNG with a width and a height. Received {width} × {height}.")
    if bit_depth not in _DEPTHS.get(color_type, ()) or compression or filtering or interlace > 1:
        raise UndecodableImage("Expected a PNG header that the PNG standard knows. Received another.")
    return PngHeader(width, height, bit_depth, color_type, bool(interlace))


def pack_pixels(data: bytes) -> Packed:
    """Return a PNG of the checked pixels alone.

    libpng prints words from a faulty file to stderr, and inflates what exceeds its header without end: it gets only
    whole files. Pixels are stored: inflating them twice would cost more.

    Raises:
        UndecodableImage: pixels are corrupt, or not as many as promised.
    """
    palette, transparency = b"", b""
    pixels: list[memoryview] = []
    header, ihdr = None, b""
    for kind, body, _ in walk_chunks(data):
        if kind == b"IHDR":
            ihdr = bytes(body)
            header = read_ihdr(ihdr)
        elif kind == b"IDAT":
            pixels.append(body)
        elif kind == b"PLTE":
            palette = bytes(body)
        elif kind == b"tRNS" and not pixels:
            transparency = bytes(body)
    if header is None:
        raise UndecodableImage("Expected a PNG that begins with IHDR. Received another chunk first.")

    packed = bytearray(SIGNATURE)
    append_chunk(packed, b"IHDR", ihdr)
    if header.color_type == 3:
        if not palette or len(palette) % 3 or len(palette) > 768:
            raise UndecodableImage("Expected a PNG palette of 1 to 256 colours. Received none, or another.")
        palette = palette[: 3 << header.bit_depth]
        append_chunk(packed, b"PLTE", palette)
        append_chunk(packed, b"tRNS", transparency[: len(palette) // 3])
    elif header.color_type == 2 and len(transparency) == 6:
        append_chunk(packed, b"tRNS", transparency)
    passes = header.passes()
    is_stored = sum(rows * size for rows, size in passes) <= _STORED_BYTES
    for block in _store(pixels, passes):
        if is_stored:
            append_chunk(packed, b"IDAT", block)
    if not is_stored:
        for body in pixels:
            append_chunk(packed, b"IDAT", bytes(body))
    append_chunk(packed, b"IEND", b"")
    # OpenCV overlooks the transparency of gray.
    is_gray_key = header.color_type == 0 and len(transparency) == 2
    return Packed(packed, int.from_bytes(transparency, "big") if is_gray_key else None)


def _store(pixels: list[memoryview], passes: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the rows of all passes, inflated and stored (level 0), piece by piece."""
    expected = sum(rows * size for rows, size in passes)
    inflating, storing, received = zlib.decompressobj(), zlib.compressobj(0), 0
    for part in pixels:
        rest: bytes | memoryview = part
        while rest and not inflating.eof:
            try:
                inflated = inflating.decompress(rest, _INFLATE_BYTES)
            except zlib.error:
                raise UndecodableImage("Expected a whole PNG. Received one whose pixels are corrupt.") from None
            _check_filters(inflated, received, passes)
            received += len(inflated)
            if received > expected:
                raise UndecodableImage(f"Expected {expected} bytes of PNG pixels. Received more.")
            yield storing.compress(inflated)
            rest = inflating.unconsumed_tail
    if received != expected or not inflating.eof:
        raise UndecodableImage(f"Expected {expected} bytes of PNG pixels. Received {received} before their end.")
    yield storing.flush()


def _check_filters(inflated: bytes, offset: int, passes: list[tuple[int, int]]) -> None:
    """Check the filter byte of each row that begins in a piece."""
    begin = 0
    for rows, size in passes:
        end = begin + rows * size
        first = max(begin, offset)
        first += (begin - first) % size
        if max(inflated[first - offset : max(0, end - offset) : size], default=0) > _LAST_FILTER:
            raise UndecodableImage(f"Expected PNG rows with a filter of 0 to {_LAST_FILTER}. Received another.")
        begin = end


def append_chunk(packed: bytearray, kind: bytes, body: bytes) -> None:
    """Append a chunk unless empty; IEND always."""
    if body or kind == b"IEND":
        packed += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
