"""Send one film over HTTP, and try again where that is worth it.

`http.client` and not httpx: its CPU time a film is 0.4 of httpx's in threads, and on a server that shares our cores
that difference is taken from the films. What httpx would add here (pools, redirects, proxies) is not wanted: one
thread keeps one connection, and a film goes to the named host or nowhere.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from batch.errors import ServiceGone
from batch.service import Service

ANSWER_TIMEOUT_SECONDS = 60.0  # longer than the service's own deadline, which answers with a problem
_BUSY = {429, 503}
_PERHAPS_THE_FILM = {408, 502, 504}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status and a body, or no status and the reason in `lost`, an error slug."""

    status: int | None
    body: bytes = b""
    retry_after: float | None = None
    lost: str | None = None
    detail: str | None = None

    def json(self) -> dict[str, Any] | None:
        """Return the body as a JSON object, or None where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class Retrying:
    """How often and how long to try again.

    Waits are `Retry-After` and on top of it a uniform share of 0 to min(`longest`, `shortest` × 2^n) seconds (full
    jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). 429, 503
    and a connection that cannot be opened say nothing about the film: they are tried for `patience` seconds, the last
    of them for `refused`. A connection lost on the way, a timeout, 408, 502 and 504 may be the film's doing, and are
    tried `attempts` times, within `patience` too.
    """

    attempts: int = 5
    patience: float = 120.0
    refused: float = 120.0
    shortest: float = 0.25
    longest: float = 8.0


class Pulse:
    """When the service last did its work for any of the connections that share this."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.last = clock()
        self.stopped = threading.Event()

    def beat(self) -> None:
        """Note that it works."""
        self.last = self.clock()


class Sender:
    """One thread's connection to the service, kept open from film to film."""

    def __init__(self, service: Service, retrying: Retrying, pulse: Pulse) -> None:
        self._service = service
        self._connection: http.client.HTTPConnection = service.connect()
        self._retrying = retrying
        self._pulse = pulse

    def close(self) -> None:
        """Close the connection; the next film opens another."""
        self._connection.close()

    def predict(self, film: bytes) -> Answer:
        """Send a film as the raw body of `POST /predict`; return the answer that no further try would better.

        Raises:
            ServiceGone: no film at all got through while this one used up its patience.
        """
        headers = self._service.headers | {"Content-Type": "application/octet-stream"}
        return self._insist("POST", self._service.target("/predict"), film, headers)

    def model(self) -> Answer:
        """Ask `GET /model`, with the same patience.

        Raises:
            ServiceGone: nobody answered.
        """
        return self._insist("GET", self._service.target("/model"), None, self._service.headers)

    def _insist(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        started = self._pulse.clock()
        tries = suspicious = 0
        while True:
            answer = self._once(method, target, body, headers)
            innocent = answer.status in _BUSY or answer.lost == "no-connection"
            if not innocent:
                suspicious += 1
                if answer.status is not None:
                    self._pulse.beat()
                    if answer.status not in _PERHAPS_THE_FILM:
                        return answer
            span = min(self._retrying.longest, self._retrying.shortest * 2**tries)
            wait = (answer.retry_after or 0.0) + random.uniform(0.0, span)  # noqa: S311 - jitter needs no cryptography
            tries += 1
            limit = self._retrying.refused if answer.lost == "no-connection" else self._retrying.patience
            if suspicious >= self._retrying.attempts or self._pulse.clock() + wait > started + limit:
                if self._silent_since(started if innocent else self._pulse.clock() - 3 * self._retrying.patience):
                    raise ServiceGone(answer.detail or f"status {answer.status}")
                return answer
            self.close()  # it would be stale after a longer wait, and what was lost is lost
            if self._pulse.stopped.wait(wait):
                return answer

    def _silent_since(self, moment: float) -> bool:
        return self._pulse.last <= moment

    def _once(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = self._connection
        try:
            if connection.sock is None:
                connection.connect()
                if connection.sock is not None:
                    connection.sock.settimeout(ANSWER_TIMEOUT_SECONDS)
        except OSError as error:
            self.close()
            # A certificate that does not fit stays so, but comes here too: patience ends it with its own words.
            return Answer(None, lost="no-connection", detail=_words(error))
        broken: OSError | None = None
        try:
            try:
                connection.request(method, target, body, headers)
            except (BrokenPipeError, ConnectionResetError) as error:
                broken = error  # refused before it was read whole; the answer may be waiting all the same
            response = connection.getresponse()
            content = response.read()
        except TimeoutError as error:
            self.close()
            return Answer(None, lost="timeout", detail=_words(broken or error))
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Answer(None, lost="connection-lost", detail=_words(broken or error))
        if broken is not None:
            self.close()
        return Answer(response.status, content, _retry_after(response.getheader("Retry-After")))


def _words(error: Exception) -> str:
    told = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def _retry_after(value: str | None) -> float | None:
    """Read seconds or a date; anything else counts as not said."""
    if value is None:
        return None
    try:
        return (
            max(0.0, float(value))
            if value.strip().isdigit()
            else max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        )
    except (ValueError, OverflowError):
        return None
