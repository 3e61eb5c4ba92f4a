"""The end of a connection whose request was refused unread."""

from __future__ import annotations

import asyncio

DISCARD_BYTES = 8 * 2**20
DISCARD_SECONDS = 2.0

# What is in it, nobody reads: all connections share it.
_BUFFER = bytearray(256 * 1024)


class Discard(asyncio.BufferedProtocol):
    """Throws away up to 8 MB or 2 s of a body, and closes.

    A client that is still sending would otherwise never see the answer.
    """

    def __init__(self, transport: asyncio.Transport, unread: int) -> None:
        self._transport = transport
        self._left = min(unread, DISCARD_BYTES)
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin."""
        if self._left <= 0:
            self._transport.close()
            return
        self._timer = loop.call_later(DISCARD_SECONDS, self._transport.close)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return the buffer."""
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """Count."""
        self._left -= nbytes
        if self._left <= 0:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
