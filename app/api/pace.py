"""When a film that is refused now would find room: what `Retry-After` says."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

MAX_RETRY_SECONDS = 10
"""A longer forecast would be of little worth, and keep callers waiting beside a service that is idle again."""

_SMOOTHING = 1 / 16


class Pace:
    """How fast films end, and until when that is promised to callers.

    Each refused caller gets a place behind the films in flight and the callers refused before, as in a queue: those who
    come back when told do not meet all at once.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seconds_a_film = 0.0
        self._last_end: float | None = None
        self._promised_until = 0.0

    def begin(self) -> None:
        """Note that a film comes into an empty service: the time since the last end tells no pace."""
        self._last_end = self._clock()

    def end(self, films: int = 1) -> None:
        """Note that the work on some films is over."""
        now = self._clock()
        if self._last_end is not None:
            measured = (now - self._last_end) / films
            weight = _SMOOTHING if self._seconds_a_film else 1.0
            self._seconds_a_film += weight * (measured - self._seconds_a_film)
        self._last_end = now

    def promise(self, in_flight: int) -> int:
        """Return after how many whole seconds, 1 to `MAX_RETRY_SECONDS`, one more caller should come again."""
        now = self._clock()
        place = max(self._promised_until, now + in_flight * self._seconds_a_film)
        self._promised_until = min(place + self._seconds_a_film, now + MAX_RETRY_SECONDS)
        return min(MAX_RETRY_SECONDS, max(1, math.ceil(place - now)))
