"""The beginning of every connection, before one of uvicorn's protocols is made for it.

A full service refuses a film here, by its head: making the protocol would cost as much again. Undocumented are the
arguments of uvicorn's protocols, `shutdown`, and `connections` and `default_headers` of `server_state`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from app.discard import Discard
from app.headers import find_plain
from app.protocol import PlainProtocol

_BUFFER_BYTES = 256 * 1024


def make_buffer() -> memoryview:
    """Return memory for what comes first on a connection; those of one event loop can share it."""
    return memoryview(bytearray(_BUFFER_BYTES))


class FirstRequest(asyncio.BufferedProtocol):
    """Answers the first request from its head where `refuse` can; hands all others to `PlainProtocol`.

    uvicorn makes one for each connection, with the arguments of its own protocols.
    """

    header_seconds: float
    buffer: memoryview

    def __init__(self, server_state: Any, **arguments: Any) -> None:
        self._server_state, self._arguments = server_state, arguments

    def refuse(self, head: bytes) -> bytes | None:
        """Return the whole answer to a request that shall not be read; None for the others."""

    def connection_made(self, transport: Any) -> None:
        """Give the client `header_seconds` to begin."""
        self._transport = transport
        self._server_state.connections.add(self)
        self._overdue = asyncio.get_running_loop().call_later(self.header_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._overdue.cancel()
        self._server_state.connections.discard(self)

    def shutdown(self) -> None:
        """End a connection on which nothing came; uvicorn calls this when the server ends."""
        self._transport.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Answer, or hand over."""
        self._server_state.connections.discard(self)
        plain = find_plain(self.buffer[:nbytes])
        if plain and (answer := self.refuse(plain.head)):
            self._overdue.cancel()
            common = b"".join(b"%b: %b\r\n" % header for header in self._server_state.default_headers)  # the date
            self._transport.write(answer.replace(b"\r\n", b"\r\n" + common, 1))
            discard = Discard(self._transport, len(plain.head) + plain.length - nbytes)
            self._transport.set_protocol(discard)
            discard.start(asyncio.get_running_loop())
            return
        protocol = PlainProtocol(server_state=self._server_state, **self._arguments)
        protocol.header_seconds, protocol.overdue = self.header_seconds, self._overdue
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(bytes(self.buffer[:nbytes]))
