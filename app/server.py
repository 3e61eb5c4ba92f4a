"""The HTTP server around the service; `pneumoserve serve` and the tests run the same one."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api.quick import MAX_HEAD_BYTES, Quick, QuickRequest
from app.settings import Settings


def make_server(application: Any, settings: Settings) -> uvicorn.Server:
    """Make the server of what `create_app` made; its `run` listens until it is told to end."""

    class Careful(_ImpatientProtocol):
        header_seconds = settings.body_timeout_seconds

    class Protocol(_QuickProtocol):
        header_seconds = settings.body_timeout_seconds
        careful = Careful
        quick = Quick(application.state.service)

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
            timeout_graceful_shutdown=int(settings.deadline_seconds) + 1,
        )
    )


class _Timed(asyncio.Protocol):
    """What both protocols below need to hang up on who sends no header in time."""

    header_seconds: float
    _overdue: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest()

    def _rest(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class _ImpatientProtocol(_Timed, H11Protocol):
    """h11 that hangs up on who connects and sends no whole header: each would hold a connection for ever.

    uvicorn itself only limits the time between two requests.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._rest()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.header_seconds, self._hang_up)

    def _hang_up(self) -> None:
        self._overdue = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class _QuickProtocol(_Timed, HttpToolsProtocol):
    """`Quick` for plain requests to /predict; httptools, written in C, for others whose whole header comes at once.

    h11 takes over the rest: httptools drops the body of a request that offers another protocol, as Java's own client
    offers HTTP/2 with each, and it reads headers of any size, however slowly they come.
    """

    careful: type[H11Protocol]
    quick: Quick
    _is_within = _is_in_head = _is_ending = False
    _head_bytes = 0
    _taken: QuickRequest | None = None
    _behind: bytes = b""
    _begun: float | None = None

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._given = given

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._overdue = self.loop.call_later(self.header_seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        self._rest()
        if self._taken is not None:
            if self._taken.is_reading:
                self._taken.feed(data)
            else:
                self._behind += data
                self.transport.pause_reading()
            return
        self._head_bytes += len(data) if self._is_in_head else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.close()
            return
        # Not while an answer is on its way: h11 would not wait for it with the next one.
        is_busy = self._is_within or (self.cycle is not None and not self.cycle.response_complete)
        if not is_busy and self._take(data):
            return
        if is_busy or _is_plain(data):
            super().data_received(data)
            return
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        protocol = self.careful(**self._given)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)

    def _take(self, data: bytes) -> bool:
        self._unset_keepalive_if_required()
        is_back = False

        def give_back(sent: bytes, begun: float) -> None:
            nonlocal is_back
            is_back = True
            self._taken, self._begun = None, begun
            HttpToolsProtocol.data_received(self, sent)
            if self._is_ending:
                HttpToolsProtocol.shutdown(self)

        taken = self.quick.begin(data, self._answer, give_back)
        if taken is not None and not is_back:
            self._taken = taken
        return taken is not None

    def _answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._taken = None
        if self.transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"connection: close\r\n\r\n" if self._is_ending else b"\r\n", body)
        self.transport.write(b"".join(parts))
        self.server_state.total_requests += 1
        if self._is_ending:
            self.transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        if self._behind:
            data, self._behind = self._behind, b""
            self.transport.resume_reading()
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._taken is not None:
            self._taken.leave()

    def shutdown(self) -> None:
        if self._taken is None:
            super().shutdown()
        else:
            self._is_ending = True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._begun is not None:
            self.scope["state"]["begun"], self._begun = self._begun, None
        self._is_within = self._is_in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._is_in_head = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_within = False


def _is_plain(data: bytes) -> bool:
    """Tell whether a request begins here with its whole header, a short one, that offers no other protocol."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    return end >= 0 and b"\nupgrade" not in data[:end].lower()
