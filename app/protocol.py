"""HTTP/1.1 as uvicorn and h11 read it, with what they have no option for.

That is a time limit for the header of a request, and the refusal of headers that proxies read in different ways (RFC
9112, sections 2.2, 5.2 and 6.1). Of uvicorn's `H11Protocol` this file uses what uvicorn does not document: `conn`,
`cycle`, `loop`, `transport`, `on_response_complete` and `send_400_response`. None is private; pyproject.toml bounds
uvicorn to the versions tried.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_HEAD_BYTES = 64 * 1024
"""Of a request line with its headers."""

# A line that ends without CR or begins with white space: h11 takes both, other parsers end the header elsewhere.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
_END = re.compile(rb"\n\r?\n")
_FRAMING = {b"content-length", b"transfer-encoding"}


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


class CarefulProtocol(H11Protocol):
    """Closes a connection whose next request takes longer than `header_seconds` to begin."""

    header_seconds: float
    _overdue: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = CarefulConnection(h11.SERVER, MAX_HEAD_BYTES)

    def connection_made(self, transport: Any) -> None:
        """Start the clock of the first header."""
        super().connection_made(transport)
        self._set_clock()

    def data_received(self, data: bytes) -> None:
        """Stop the clock where a header is whole, start it where another one begins."""
        super().data_received(data)
        self._set_clock()

    def on_response_complete(self) -> None:
        """Start the clock where a part of the next request has come already."""
        super().on_response_complete()
        self._set_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        super().connection_lost(exc)
        self._stop_clock()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where an answer has begun, only close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _set_clock(self) -> None:
        if self.cycle is None:
            is_awaited = True
        elif self.cycle.response_complete:
            # The rest of a body that nobody read, or the beginning of a header. Silence is uvicorn's to end.
            is_awaited = self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])
        else:
            is_awaited = False
        if not is_awaited:
            self._stop_clock()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.header_seconds, self.transport.close)

    def _stop_clock(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
