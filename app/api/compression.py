"""Bodies under `Content-Encoding: gzip` or `deflate`: measured before they are inflated, so that memory is counted."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from app.errors import MalformedForm, TooManyBytes, UnsupportedFormat

# Of zlib: a gzip header, or zlib's own, which HTTP calls deflate (RFC 9110, section 8.4.1).
_WINDOW_BITS = {"gzip": 31, "deflate": 15}
_PIECE_BYTES = 64 * 1024


def read_encoding(header: str) -> str:
    """Return the one Content-Encoding of a body, or an empty string where it has none.

    Raises:
        UnsupportedFormat: another one, or several.
    """
    encoding = header.strip().lower()
    if encoding in ("", "identity"):
        return ""
    if encoding not in _WINDOW_BITS:
        raise UnsupportedFormat(f"Expected a body under the Content-Encoding {' or '.join(_WINDOW_BITS)}, or without.")
    return encoding


def measure(body: bytes, encoding: str, most: int) -> int:
    """Return how many bytes a body has when inflated, without keeping them.

    Raises:
        TooManyBytes: more than `most`.
        MalformedForm: the body is not what its encoding says, or ends early.
    """
    size = 0
    for piece in _inflated(body, encoding):
        size += len(piece)
        if size > most:
            raise TooManyBytes(f"Expected at most {most} bytes when inflated. Received more.")
    return size


def inflate(body: bytes, encoding: str) -> bytes:
    """Return a body that was measured, inflated; one without encoding as it is."""
    return b"".join(_inflated(body, encoding)) if encoding else body


def _inflated(body: bytes, encoding: str) -> Iterator[bytes]:
    stream = zlib.decompressobj(_WINDOW_BITS[encoding])
    view, position = memoryview(body), 0
    try:
        while position < len(body) and not stream.eof:
            rest: bytes | memoryview = view[position : position + _PIECE_BYTES]
            position += len(rest)
            while piece := stream.decompress(rest, _PIECE_BYTES):
                yield piece
                rest = stream.unconsumed_tail
    except zlib.error:
        raise MalformedForm(f"Expected a body that is compressed by {encoding}. Received another.") from None
    if not stream.eof:
        raise MalformedForm(f"Expected a whole body that is compressed by {encoding}. Received one that ends early.")
    if stream.unused_data or position < len(body):
        raise MalformedForm(f"Expected one stream of {encoding} as the body. Received bytes behind its end.")
