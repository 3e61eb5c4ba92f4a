"""How much work is let in, and for how long. All of it happens before, or while, a body is read."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from app.errors import Overloaded, SlowBody, TooManyBytes
from app.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Receive

_BYTES_A_SECOND = 64 * 1024


class BodyGone(Exception):  # no error of ours: the client hung up
    """The client closed the connection before its body ended; there is nobody to answer."""


class Admission:
    """Counts bodies being read, bytes held and films in flight, in one event loop; the limits are the settings'."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.reading = 0
        self.bytes_held = 0
        self.in_flight = 0

    def hold(self) -> HeldBody:
        """Begin to hold the bytes of one body; its `release` must follow."""
        return HeldBody(self)

    async def read_body(self, body: HeldBody, receive: Receive, declared: int | None) -> bytes:
        """Read a whole body into memory, or refuse it as early as can be told.

        Args:
            body: where its bytes are counted.
            receive: the ASGI channel.
            declared: the Content-Length, None where there is none.

        Raises:
            Overloaded: too many bodies are being read, too many bytes are held, or too many films are in flight.
            TooManyBytes: declared or counted over the limit.
            SlowBody: it came slower than allowed.
            BodyGone: the client hung up.
        """
        self._check_room()
        if self.reading >= self._settings.max_reading:
            raise Overloaded(
                f"Expected at most {self._settings.max_reading} bodies being sent at once. Try again soon."
            )
        if declared is not None and declared > self._settings.max_upload_bytes:
            raise TooManyBytes(
                f"Expected at most {self._settings.max_upload_bytes} bytes. Received {declared} declared."
            )
        self.reading += 1
        try:
            return await self._read(body, receive)
        finally:
            self.reading -= 1

    def enter(self, body: HeldBody) -> None:
        """Count the film of a body as in flight, until the body is released.

        Raises:
            Overloaded: as many as allowed are.
        """
        self._check_room()
        self.in_flight += 1
        body.in_flight = True

    def _check_room(self) -> None:
        if self.in_flight >= self._settings.max_in_flight:
            raise Overloaded(f"Expected at most {self._settings.max_in_flight} films in work at once. Try again soon.")

    async def _read(self, body: HeldBody, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size, begun = 0, monotonic()
        while True:
            allowed = max(self._settings.body_timeout_seconds, size / _BYTES_A_SECOND)
            try:
                message = await asyncio.wait_for(receive(), begun + allowed - monotonic())
            except TimeoutError:
                raise SlowBody(
                    f"Expected the body within {self._settings.body_timeout_seconds:g} s, or at 64 KiB a second. "
                    f"Received {size} bytes in {monotonic() - begun:.1f} s."
                ) from None
            if message["type"] == "http.disconnect":
                raise BodyGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._settings.max_upload_bytes:
                raise TooManyBytes(f"Expected at most {self._settings.max_upload_bytes} bytes. Received more.")
            body.grow(len(chunk), self._settings.max_bytes_held)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class HeldBody:
    """The bytes that one request holds in memory, and whether its film is in flight."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._size = 0
        self.in_flight = False

    def grow(self, size: int, limit: int) -> None:
        """Count more bytes.

        Raises:
            Overloaded: all bodies together would hold over `limit` bytes.
        """
        if self._admission.bytes_held + size > limit:
            raise Overloaded(f"Expected at most {limit} bytes of images in memory at once. Try again soon.")
        self._admission.bytes_held += size
        self._size += size

    def release(self) -> None:
        """Count neither any longer; again does nothing."""
        self._admission.bytes_held -= self._size
        self._admission.in_flight -= self.in_flight
        self._size, self.in_flight = 0, False
