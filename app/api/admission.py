"""How much work is let in, and for how long: checked before and while a body is read."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from app.api.pace import Pace
from app.errors import Overloaded, SlowBody, TooManyBytes
from app.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Receive

_BYTES_A_SECOND = 64 * 1024
PLACE_SECONDS = 0.25
"""How long a film that is being sent counts as in flight."""


class ClientGone(Exception):  # no error of ours: the client hung up
    """The client closed the connection before its answer; nobody waits for it."""


class Admission:
    """Counts bodies being read, bytes held and films in flight of one event loop; the limits are the settings'."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.pace = Pace()
        self.reading = 0
        self.bytes_held = 0
        self.in_flight = 0
        self._coming: set[HeldBody] = set()

    def hold(self) -> HeldBody:
        """Return a count of the bytes of one body; its `release` must follow."""
        return HeldBody(self, self._settings)

    async def read_body(self, body: HeldBody, receive: Receive, declared: int | None, begun: float) -> bytes:
        """Read a whole body into memory, or refuse it as early as possible.

        Args:
            body: counts its bytes.
            receive: the ASGI channel.
            declared: the Content-Length, if there is one.
            begun: when the request came, by `time.monotonic()`.

        Raises:
            Overloaded: too many bodies are being read, bytes held or films in flight.
            TooManyBytes: over the limit, as declared or as received.
            SlowBody: slower than allowed.
            ClientGone: the client hung up.
        """
        settings = self._settings
        if self.is_full:
            raise self.refuse()
        if self.reading >= settings.max_reading:
            raise Overloaded(f"Expected at most {settings.max_reading} bodies being sent at once. Try again soon.")
        if declared is not None and declared > settings.max_upload_bytes:
            raise TooManyBytes(f"Expected at most {settings.max_upload_bytes} bytes. Received {declared} declared.")
        self.reading += 1
        # Films behind this one are refused by their heads, else after their bodies. For a moment only: slow senders
        # must not occupy the service.
        self._coming.add(body)
        timer = asyncio.get_running_loop().call_later(PLACE_SECONDS, self._coming.discard, body)
        try:
            return await self._receive(body, receive, begun)
        finally:
            timer.cancel()
            self._coming.discard(body)
            self.reading -= 1

    def enter(self, body: HeldBody, decoded: int = 0, films: int = 1) -> None:
        """Count a body's films as in flight until the body is released.

        Args:
            body: counts its bytes.
            decoded: how many more bytes the worker will decode out of the body.
            films: how many there are, beside those counted before.

        Raises:
            Overloaded: too many films are in flight, or bytes held.
        """
        # Whoever is coming keeps no place from films that are here.
        if self.in_flight + films > self._settings.max_in_flight:
            raise self.refuse()
        body.hold(decoded)
        if self.in_flight == 0:
            self.pace.begin()
        self.in_flight += films
        body.in_flight += films

    @property
    def coming(self) -> int:
        """Films whose requests came within the last `PLACE_SECONDS`, and whose bodies are still being read."""
        return len(self._coming)

    @property
    def is_full(self) -> bool:
        """Whether as many films are in flight, or about to be, as may be."""
        return self.in_flight + self.coming >= self._settings.max_in_flight

    def refuse(self) -> Overloaded:
        """Return the error of a film that came while the service was full."""
        return Overloaded(
            f"Expected at most {self._settings.max_in_flight} films in work at once. Try again soon.",
            self.pace.promise(self.in_flight + self.coming),
        )

    async def _receive(self, body: HeldBody, receive: Receive, begun: float) -> bytes:
        seconds = self._settings.body_timeout_seconds
        chunks: list[bytes] = []
        try:
            # One timer for the whole body, moved as it comes: one for every piece costs more than the piece.
            async with asyncio.timeout(seconds - (monotonic() - begun)) as timeout:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunk = message.get("body", b"")
                    body.grow(len(chunk))
                    chunks.append(chunk)
                    if not message.get("more_body", False):
                        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                    if body.size > seconds * _BYTES_A_SECOND:
                        left = begun + body.size / _BYTES_A_SECOND - monotonic()
                        timeout.reschedule(asyncio.get_running_loop().time() + left)
        except TimeoutError:
            raise SlowBody(
                f"Expected the body within {seconds:g} s, or at 64 KiB a second. "
                f"Received {body.size} bytes in {monotonic() - begun:.1f} s."
            ) from None


class HeldBody:
    """The bytes that one request holds in memory, and how many of its films are in flight."""

    def __init__(self, admission: Admission, settings: Settings) -> None:
        self._admission, self._settings = admission, settings
        self.size = 0
        self.in_flight = 0

    def grow(self, size: int) -> None:
        """Count more bytes of the body.

        Raises:
            TooManyBytes: this body is over its limit.
            Overloaded: all bodies together are over theirs.
        """
        if self.size + size > self._settings.max_upload_bytes:
            raise TooManyBytes(f"Expected at most {self._settings.max_upload_bytes} bytes. Received more.")
        self.hold(size)

    def hold(self, size: int) -> None:
        """Count more bytes, whether they were sent or decoded.

        Raises:
            Overloaded: all requests together would hold more than allowed.
        """
        if self._admission.bytes_held + size > self._settings.max_bytes_held:
            raise Overloaded(
                f"Expected at most {self._settings.max_bytes_held} bytes of images in memory at once. Try again soon."
            )
        self._admission.bytes_held += size
        self.size += size

    def release(self) -> None:
        """Count neither any longer; calling it again does nothing."""
        self._admission.bytes_held -= self.size
        if self.in_flight:
            self._admission.pace.end(self.in_flight)
        self._admission.in_flight -= self.in_flight
        self.size, self.in_flight = 0, 0
