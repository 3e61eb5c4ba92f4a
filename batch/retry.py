"""When a request is sent again, and after how long: the same for every client."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from batch.answer import Answer

_BUSY = {429, 503}
_PERHAPS_THE_FILM = {408, 502, 504}
_MAX_DOUBLINGS = 60
"""After 1024 a float overflows, which a patience of an hour reaches."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to retry; times in seconds.

    A wait is `Retry-After` plus a uniform random part of min(`longest`, `shortest` × 2^n) (full jitter:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). 429 and 503 are retried for `patience`, a
    refused connection for `refused`. Lost connections, timeouts, 408, 502 and 504 may be due to the film: `attempts`,
    within `patience`.
    """

    attempts: int = 5
    patience: float = 120.0
    refused: float = 120.0
    shortest: float = 0.25
    longest: float = 8.0


DEFAULT_RETRIES = RetryPolicy()
ONCE = RetryPolicy(attempts=1, patience=0.0, refused=0.0)
"""No retry: for callers that keep the film and come again."""


def is_busy(answer: Answer) -> bool:
    """Return whether the service took no work at all: no fault of the film."""
    return answer.status in _BUSY or answer.lost == "no-connection"


def may_change(answer: Answer) -> bool:
    """Return whether the same request may be answered otherwise later."""
    return is_busy(answer) or answer.status is None or answer.status in _PERHAPS_THE_FILM


class Tries:
    """The tries of one request, under a policy; `started` is the clock's time in seconds."""

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._policy, self._clock = policy, clock
        self._tries = self._film_failures = 0
        self.started = clock()

    def wait_after(self, answer: Answer) -> float | None:
        """Return for how many seconds to wait before the next try; None where this answer is the last."""
        policy = self._policy
        if not may_change(answer):
            return None
        self._film_failures += not is_busy(answer)
        most = min(policy.longest, policy.shortest * 2 ** min(self._tries, _MAX_DOUBLINGS))
        jitter = random.uniform(0.0, most)  # noqa: S311 - no secret
        wait = (answer.retry_after or 0.0) + jitter
        self._tries += 1
        limit = policy.refused if answer.lost == "no-connection" else policy.patience
        if self._film_failures >= policy.attempts or self._clock() + wait > self.started + limit:
            return None
        return wait


def read_retry_after(value: str | None) -> float | None:
    """Read seconds or a date as seconds from now; None for anything else."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)
