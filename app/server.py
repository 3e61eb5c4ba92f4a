"""The HTTP server around the service; `pneumoserve serve` and the tests run the same one.

uvicorn with h11, which keeps the body of a request that offers `Upgrade: h2c` and bounds a header's size. This file
adds what uvicorn has no option for: a time limit for headers, and the refusal of requests that proxies read in
different ways (RFC 9112, sections 2.2, 5.2 and 6.1). It uses these attributes of `H11Protocol`, which uvicorn does not
document: `conn`, `cycle`, `loop`, `transport`, `connection_made`, `connection_lost`, `handle_events`,
`on_response_complete` and `send_400_response`. None is private; pyproject.toml bounds uvicorn to the versions tried.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.settings import Settings

MAX_HEAD_BYTES = 64 * 1024
"""Of a request line with its headers."""

# A line that ends without CR or begins with white space: h11 takes both, other parsers end the header elsewhere.
_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
_LENGTH, _ENCODING = re.compile(rb"(?i)\ncontent-length[ \t]*:"), re.compile(rb"(?i)\ntransfer-encoding[ \t]*:")


def make_server(application: Any, settings: Settings) -> uvicorn.Server:
    """Return the server of what `create_app` made; its `run` listens until it is told to end."""

    class Protocol(CarefulProtocol):
        header_seconds = settings.body_timeout_seconds

    return uvicorn.Server(
        uvicorn.Config(
            application,
            host=settings.host,
            port=settings.port,
            http=Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_graceful_shutdown=int(settings.deadline_seconds) + 1,
        )
    )


class CarefulProtocol(H11Protocol):
    """h11 that closes a connection whose next header takes too long, and refuses ambiguous headers."""

    header_seconds: float
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock of the first header."""
        super().connection_made(transport)
        self._overdue = self.loop.call_later(self.header_seconds, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        super().connection_lost(exc)
        self._stop_clock()

    def handle_events(self) -> None:
        """Check the header that begins here, if one does, before h11 reads it."""
        if self.conn.their_state is h11.IDLE:
            received, _ = self.conn.trailing_data
            end = received.find(b"\r\n\r\n", 2)
            head = received[: MAX_HEAD_BYTES if end < 0 else end].lstrip(b"\r\n")
            if _AMBIGUOUS.search(head) or (_LENGTH.search(head) and _ENCODING.search(head)):
                self.send_400_response("Invalid HTTP request received.")
                return
            if end >= 0:
                self._stop_clock()
            elif received and self._overdue is None:
                self._overdue = self.loop.call_later(self.header_seconds, self.transport.close)
        super().handle_events()

    def _stop_clock(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
