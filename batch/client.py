"""Send one film over HTTP, and retry where that may help.

`http.client` takes 0.4 of httpx's CPU time, on cores that a server may share. Redirects and proxies are not followed.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from batch.answer import Answer
from batch.errors import ServiceGone
from batch.service import Service

ANSWER_TIMEOUT_SECONDS = 60.0  # longer than the service's own deadline
_BUSY = {429, 503}
_PERHAPS_THE_FILM = {408, 502, 504}


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


class Liveness:
    """Shared by clients: when one was last answered, and whether to stop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.answered_at = clock()
        self.stopped = threading.Event()

    def note_answer(self) -> None:
        """Note an answer."""
        self.answered_at = self.clock()

    def wait(self, seconds: float) -> bool:
        """Wait; return True at once where clients shall stop."""
        return self.stopped.wait(seconds)


class Client:
    """A thread's connection to the service, kept open."""

    def __init__(self, service: Service, policy: RetryPolicy, liveness: Liveness) -> None:
        self._service = service
        self._connection: http.client.HTTPConnection = service.connect()
        self._policy = policy
        self._liveness = liveness

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def predict(self, film: bytes, **query: str) -> Answer:
        """Send a film as the raw body of `POST /predict`; return the last answer.

        Raises:
            ServiceGone: meanwhile no client was answered.
        """
        return self._send_film("/predict", film, query)

    def explain(self, film: bytes, **query: str) -> Answer:
        """Send a film as the raw body of `POST /explain` likewise."""
        return self._send_film("/explain", film, query, Accept="*/*")

    def model(self) -> Answer:
        """Send `GET /model` likewise.

        Raises:
            ServiceGone: nothing was answered.
        """
        return self._request("GET", self._service.target("/model"), None, self._service.headers)

    def _send_film(self, route: str, film: bytes, query: dict[str, str], **headers: str) -> Answer:
        headers = self._service.headers | {"Content-Type": "application/octet-stream"} | headers
        return self._request("POST", self._service.target(route, **query), film, headers)

    def _request(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        liveness, policy = self._liveness, self._policy
        started = liveness.clock()
        tries = film_failures = 0
        while True:
            answer = self._request_once(method, target, body, headers)
            is_busy = answer.status in _BUSY or answer.lost == "no-connection"
            if not is_busy:
                film_failures += 1
                if answer.status is not None:
                    liveness.note_answer()
                    if answer.status not in _PERHAPS_THE_FILM:
                        return answer
            jitter = random.uniform(0.0, min(policy.longest, policy.shortest * 2**tries))  # noqa: S311 - no secret
            wait = (answer.retry_after or 0.0) + jitter
            tries += 1
            limit = policy.refused if answer.lost == "no-connection" else policy.patience
            if film_failures >= policy.attempts or liveness.clock() + wait > started + limit:
                if liveness.answered_at <= (started if is_busy else liveness.clock() - 3 * policy.patience):
                    raise ServiceGone(answer.detail or f"status {answer.status}")
                return answer
            self.close()  # stale after a longer wait
            if liveness.wait(wait):
                return answer

    def _request_once(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = self._connection
        try:
            if connection.sock is None:
                connection.connect()
                if connection.sock is not None:
                    connection.sock.settimeout(ANSWER_TIMEOUT_SECONDS)
        except OSError as error:
            # A wrong certificate ends here too.
            return self._lost("no-connection", error)
        broken: OSError | None = None
        try:
            try:
                connection.request(method, target, body, headers)
            except (BrokenPipeError, ConnectionResetError) as error:
                broken = error  # refused before it was read whole; an answer may be waiting
            response = connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            return self._lost("timeout", broken or error)
        except (OSError, http.client.HTTPException) as error:
            return self._lost("connection-lost", broken or error)
        if broken is not None:
            self.close()
        return Answer(response.status, content, _retry_after(response.getheader("Retry-After")))

    def _lost(self, slug: str, error: Exception) -> Answer:
        self.close()
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Answer(None, lost=slug, detail=f"{type(error).__name__}: {reason}" if reason else type(error).__name__)


def _retry_after(value: str | None) -> float | None:
    """Read seconds or a date; None for anything else."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds)
