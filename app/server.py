"""The HTTP server around the service; `pneumoserve serve` and the tests run the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.settings import Settings


def make_server(application: Callable[..., Any], settings: Settings) -> uvicorn.Server:
    """Make the server; its `run` listens until it is told to end.

    h11 and not httptools, though that is faster by a millisecond a film: httptools drops the body of a request that
    offers another protocol, as Java's own client offers HTTP/2 with each, and reads headers of any size.
    """

    class Protocol(_ImpatientProtocol):
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
            timeout_graceful_shutdown=int(settings.deadline_seconds) + 1,
        )
    )


class _ImpatientProtocol(H11Protocol):
    """h11 that hangs up on who connects and sends no whole header: each would hold a connection for ever.

    uvicorn itself only limits the time between two requests.
    """

    header_seconds: float
    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._rest()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.header_seconds, self._hang_up)

    def _rest(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _hang_up(self) -> None:
        self._overdue = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
