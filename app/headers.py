"""Which headers of a request are read, and by which parser.

Proxies read some in different ways, so that a second request can be smuggled behind the first (RFC 9112, sections 2.2,
2.3, 5.2, 6.1, 7.1 and 11.2).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import h11

MAX_HEAD_BYTES = 64 * 1024
"""Of a request line with its headers."""

# Stricter than HTTP: characters on which no parser differs, and none of the three headers that need h11.
_PLAIN = re.compile(
    rb"(?:GET|HEAD|POST) /[!$-;=?-Z_a-z~]* HTTP/1\.1\r\n"
    rb"(?:(?!(?i:expect|transfer-encoding|upgrade):)[!#-'*+.0-9A-Z^-z|~-]+:[\t -~]*\r\n)+\r\n"
)
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18}(?=[ \t]*\r))?")
# A line that ends without CR or begins with white space: h11 takes both, other parsers end the header elsewhere.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
_END = re.compile(rb"\n\r?\n")
_LENGTH_NAME, _ENCODING_NAME = b"content-length", b"transfer-encoding"
_END_OF_CHUNKS = b"\r\n\r\n"


class PlainHead(NamedTuple):
    """A request line with its headers, and how many bytes of body follow them."""

    head: bytes
    length: int


def find_plain(received: bytes | memoryview) -> PlainHead | None:
    """Return the whole plain head with which `received` begins, if it does: any parser reads it in the same way."""
    found = _PLAIN.match(received, 0, MAX_HEAD_BYTES)
    if found is None:
        return None
    lower = found[0].lower()
    lengths = _LENGTH.findall(lower)
    if lower.count(b"\nhost:") != 1 or len(lengths) > 1 or b"" in lengths:
        return None
    return PlainHead(found[0], int(lengths[0]) if lengths else 0)


class CarefulConnection(h11.Connection):
    """h11 that refuses ambiguous headers and ends of chunked bodies, and headers over `MAX_HEAD_BYTES` at once."""

    _is_chunked = False

    def __init__(self, role: Any, max_head_bytes: int) -> None:
        super().__init__(role, max_head_bytes)
        self._recent = bytearray()
        """Received: what `next_event` has not used, and the last bytes that it has."""

    def receive_data(self, data: bytes) -> None:
        """Take received bytes; see h11."""
        self._recent += data
        super().receive_data(data)

    def next_event(self) -> Any:
        """Return the next event; see h11.

        Raises:
            h11.RemoteProtocolError: also of what is refused here.
        """
        received = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        event = super().next_event()
        # Once a header is whole, not at each of its pieces: who sends it byte by byte must not cost more.
        if isinstance(event, h11.Request) and (end := _END.search(received)):
            head, names = received[: end.end()], {name for name, _ in event.headers}
            self._is_chunked = _ENCODING_NAME in names
            # HTTP/1.0 has no chunks; there is no version but these two.
            is_other = event.http_version != b"1.1" and (self._is_chunked or event.http_version != b"1.0")
            is_framed_twice = self._is_chunked and _LENGTH_NAME in names
            if len(head) > MAX_HEAD_BYTES or is_framed_twice or is_other or _AMBIGUOUS.search(head):
                raise h11.RemoteProtocolError("refused")
        elif event is h11.NEED_DATA:
            del self._recent[: -len(self.trailing_data[0]) - len(_END_OF_CHUNKS)]
        elif isinstance(event, h11.EndOfMessage) and self._is_chunked:
            used = len(self._recent) - len(self.trailing_data[0])
            # h11 takes a bare LF, too, where other parsers go on in the trailers.
            if self._recent[used - len(_END_OF_CHUNKS) : used] != _END_OF_CHUNKS:
                raise h11.RemoteProtocolError("refused")
        return event
