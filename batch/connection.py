"""A connection that sends one request after the other, and retries where that may help.

`http.client` takes 0.4 of httpx's CPU time, on cores that a server may share. Redirects and proxies are not followed.
"""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from collections.abc import Callable

from batch.answer import Answer
from batch.errors import ServiceGone
from batch.retry import RetryPolicy, Tries, is_busy, may_change, read_retry_after
from batch.service import ANSWER_TIMEOUT_SECONDS, Request, Service


class Liveness:
    """Shared by connections: when one was last answered, and whether to stop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.answered_at = clock()
        self.stopped = threading.Event()

    def note_answer(self) -> None:
        """Note an answer."""
        self.answered_at = self.clock()

    def wait(self, seconds: float) -> bool:
        """Wait; return True at once where all shall stop."""
        return self.stopped.wait(seconds)


class Connection:
    """A thread's connection to the service, kept open."""

    def __init__(self, service: Service, policy: RetryPolicy, liveness: Liveness) -> None:
        self._service = service
        self._connection: http.client.HTTPConnection = service.connect()
        self._policy = policy
        self._liveness = liveness

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def predict(self, film: bytes) -> Answer:
        """Send a film as the raw body of `POST /predict`; see `send`."""
        return self.send(self._service.film("/predict", film))

    def model(self) -> Answer:
        """Send `GET /model`; see `send`."""
        return self.send(self._service.get("/model"))

    def send(self, request: Request) -> Answer:
        """Send a request as often as the policy says; return the last answer.

        Raises:
            ServiceGone: meanwhile no connection was answered.
        """
        liveness = self._liveness
        tries = Tries(self._policy, liveness.clock)
        while True:
            answer = self._send_once(request)
            if answer.status is not None and not is_busy(answer):
                liveness.note_answer()
            wait = tries.wait_after(answer)
            if wait is None:
                silent_since = tries.started if is_busy(answer) else liveness.clock() - 3 * self._policy.patience
                if may_change(answer) and liveness.answered_at <= silent_since:
                    raise ServiceGone(answer)
                return answer
            self.close()  # stale after a longer wait
            if liveness.wait(wait):
                return answer

    def _send_once(self, request: Request) -> Answer:
        connection = self._connection
        try:
            if connection.sock is not None and has_ended(connection.sock):
                connection.close()
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
                connection.request(request.method, request.target, request.body, request.headers)
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
        return Answer(response.status, content, read_retry_after(response.getheader("Retry-After")))

    def _lost(self, slug: str, error: Exception) -> Answer:
        self.close()
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return Answer(None, lost=slug, detail=f"{type(error).__name__}: {reason}" if reason else type(error).__name__)


def has_ended(idle: socket.socket) -> bool:
    """Return whether a connection, on which nothing is expected, was closed by the other side."""
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))
