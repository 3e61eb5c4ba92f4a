"""HTTP/1.1 by uvicorn's httptools while whole plain heads come, by its h11 from the first other one on.

httptools loses the body of a request that offers `Upgrade: h2c`; neither limits a head's time. Undocumented are, beside
the constructors' arguments, `connections`, `conn`, `cycle` with `body`, `disconnected`, `response_complete`, `flow`,
`loop`, `on_body`, `on_response_complete`, `send_400_response`, `transport`, `_unset_keepalive_if_required`.
"""

from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.headers import MAX_HEAD_BYTES, CarefulConnection, find_plain

_Protocol: Any = object  # one of uvicorn's


class _Timed(_Protocol):  # type: ignore[misc]
    """Closes a connection whose next request takes longer than `header_seconds` to begin."""

    header_seconds: float
    overdue: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._set_clock()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._set_clock()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._set_clock()

    def _set_clock(self) -> None:
        # The rest of a body that nobody read, or the beginning of a head. Silence is uvicorn's to end.
        if self.cycle is None or (self.cycle.response_complete and self._unread):
            self.overdue = self.overdue or self.loop.call_later(self.header_seconds, self.transport.close)
        elif self.overdue is not None:
            self.overdue.cancel()
            self.overdue = None


class CarefulProtocol(_Timed, H11Protocol):
    """h11, for all requests that follow on a connection."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where an answer has begun, only close."""
        if self.cycle is not None:  # it must not answer behind this
            self.cycle.disconnected = True
        with suppress(h11.LocalProtocolError):
            super().send_400_response(msg)
        self.transport.close()

    @property
    def _unread(self) -> bool:
        return self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])


class PlainProtocol(_Timed, HttpToolsProtocol):
    """httptools, a request at a time; h11 takes the connection over at the first head that is not plain."""

    _unread = 0  # bytes of a body
    _behind = b""  # sent before the answer to the request in front

    def data_received(self, data: bytes) -> None:
        """Hand a request's head and body to httptools, apart from what is behind."""
        while data and not self.transport.is_closing():
            if self._unread:
                piece, data = data[: self._unread], data[self._unread :]
                self._unread -= len(piece)
                super().data_received(piece)
            elif self.cycle is not None and not self.cycle.response_complete:
                self._behind, data = self._behind + data, b""
                self.flow.pause_reading()
            elif plain := find_plain(data):
                self._unread, data = plain.length, data[len(plain.head) :]
                super().data_received(plain.head)
            else:
                self._unset_keepalive_if_required()
                self.connections.discard(self)
                protocol = CarefulProtocol(self.config, self.server_state, self.app_state)
                protocol.conn = CarefulConnection(h11.SERVER, MAX_HEAD_BYTES)
                protocol.header_seconds, protocol.overdue = self.header_seconds, self.overdue
                self.transport.set_protocol(protocol)
                protocol.connection_made(self.transport)
                protocol.data_received(data)
                break

    def on_body(self, body: bytes) -> None:
        """Keep the bytes: uvicorn's own bytearray would be copied twice."""
        self.cycle.body = self.cycle.body or b""  # type: ignore[assignment]
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Read what is behind."""
        super().on_response_complete()
        data, self._behind = self._behind, b""
        self.data_received(data)
