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

    async def read_body(self, body: HeldBody, receive: Receive, declared: int | None, begun: float) -> bytes:
        """Read a whole body into memory, or refuse it as early as can be told.

        Args:
            body: where its bytes are counted.
            receive: the ASGI channel.
            declared: the Content-Length, None where there is none.
            begun: when the request came, by `time.monotonic()`.

        Raises:
            Overloaded: too many bodies are being read, too many bytes are held, or too many films are in flight.
            TooManyBytes: declared or counted over the limit.
            SlowBody: it came slower than allowed.
            BodyGone: the client hung up.
        """
        self.begin(declared)
        try:
            return await self._read(body, receive, begun)
        finally:
            self.end()

    def begin(self, declared: int | None) -> None:
        """Count one more body as being read; `end` must follow.

        Args:
            declared: the Content-Length, None where there is none.

        Raises:
            Overloaded: too many bodies are being read, or too many films are in flight.
            TooManyBytes: declared over the limit.
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

    def end(self) -> None:
        """Count one body less as being read."""
        self.reading -= 1

    def enter(self, body: HeldBody, decoded: int = 0) -> None:
        """Count the film of a body as in flight, until the body is released.

        Args:
            body: where its bytes are counted.
            decoded: how many more bytes the image will take that the worker decodes out of the body.

        Raises:
            Overloaded: as many films as allowed are in flight, or too many bytes would be held.
        """
        self._check_room()
        body.hold(decoded, self._settings)
        self.in_flight += 1
        body.in_flight = True

    def _check_room(self) -> None:
        if self.in_flight >= self._settings.max_in_flight:
            raise Overloaded(f"Expected at most {self._settings.max_in_flight} films in work at once. Try again soon.")

    async def _read(self, body: HeldBody, receive: Receive, begun: float) -> bytes:
        chunks: list[bytes] = []
        waited = monotonic() - begun
        try:
            # One timer for the whole body, moved on as it comes: one for every piece costs more than the piece.
            async with asyncio.timeout(self._settings.body_timeout_seconds - waited) as timeout:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BodyGone
                    chunk = message.get("body", b"")
                    size = body.grow(len(chunk), self._settings)
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                    if size > self._settings.body_timeout_seconds * _BYTES_A_SECOND:
                        timeout.reschedule(
                            asyncio.get_running_loop().time() + begun + size / _BYTES_A_SECOND - monotonic()
                        )
        except TimeoutError:
            raise SlowBody(
                f"Expected the body within {self._settings.body_timeout_seconds:g} s, or at 64 KiB a second. "
                f"Received {body.size} bytes in {monotonic() - begun:.1f} s."
            ) from None


class HeldBody:
    """The bytes that one request holds in memory, and whether its film is in flight."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0
        self.in_flight = False

    def grow(self, size: int, settings: Settings) -> int:
        """Count more bytes of the body, and answer how many it is now.

        Raises:
            TooManyBytes: this body is over its limit.
            Overloaded: all bodies together would hold more than allowed.
        """
        if self.size + size > settings.max_upload_bytes:
            raise TooManyBytes(f"Expected at most {settings.max_upload_bytes} bytes. Received more.")
        return self.hold(size, settings)

    def hold(self, size: int, settings: Settings) -> int:
        """Count more bytes, whether they were sent or made of what was, and answer how many it is now.

        Raises:
            Overloaded: all requests together would hold more than allowed.
        """
        if self._admission.bytes_held + size > settings.max_bytes_held:
            raise Overloaded(
                f"Expected at most {settings.max_bytes_held} bytes of images in memory at once. Try again soon."
            )
        self._admission.bytes_held += size
        self.size += size
        return self.size

    def release(self) -> None:
        """Count neither any longer; again does nothing."""
        self._admission.bytes_held -= self.size
        self._admission.in_flight -= self.in_flight
        self.size, self.in_flight = 0, False
