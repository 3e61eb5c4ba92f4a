"""Which headers of a request are read, and by which parser.

Proxies read some in different ways, so that a second request can be smuggled behind the first (RFC 9112, sections 2.2,
5.2, 6.1 and 11.2).
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
    rb"(?:(?!(?i:expect|transfer-encoding|upgrade):)[!-9;-~]+:[\t -~]*\r\n)+\r\n"
)
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,18}(?=[ \t]*\r))?")
# A line that ends without CR or begins with white space: h11 takes both, other parsers end the header elsewhere.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
_END = re.compile(rb"\n\r?\n")
_FRAMING = {b"content-length", b"transfer-encoding"}


class PlainHead(NamedTuple):
    """A request line with its headers, and how many bytes of body follow them."""

    head: bytes
    length: int


def find_plain(received: bytes) -> PlainHead | None:
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
    """h11 that refuses ambiguous headers, and those over `MAX_HEAD_BYTES` that came at once."""

    def next_event(self) -> Any:
        """Return the next event; see h11.

        Raises:
            h11.RemoteProtocolError: also of what is refused here.
        """
        received = self.trailing_data[0] if self.their_state is h11.IDLE else b""
        event = super().next_event()
        # Once a header is whole, not at each of its pieces: who sends it byte by byte must not cost more.
        if isinstance(event, h11.Request) and (end := _END.search(received)):
            head = received[: end.end()]
            is_framed_twice = {name for name, _ in event.headers} >= _FRAMING
            if len(head) > MAX_HEAD_BYTES or is_framed_twice or _AMBIGUOUS.search(head):
                raise h11.RemoteProtocolError("refused")
        return event
