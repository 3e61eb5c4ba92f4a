"""`POST /predict` without ASGI, for plain requests; the route in `predict` answers every other.

Beside busy workers a request costs the event loop by the Python calls that it makes: a server's, ASGI's and a
framework's together cost several times what admission, queueing and the answer itself do (`benchmarks/README.md`).
Whatever is out of the ordinary before a film is in work is given back, as it was sent, for the route to answer: this
module refuses nothing itself, and knows no rule of the contract that the route does not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from app.api.predict import FRESH, Asked, Worked, read_query
from app.api.problems import respond
from app.api.telemetry import Account
from app.errors import PneumoServeError

if TYPE_CHECKING:
    from app.api.service import Service

Headers = list[tuple[bytes, bytes]]
Answer = Callable[[int, Headers, bytes], None]
GiveBack = Callable[[bytes, float], None]

# Stricter than HTTP: one spelling, no folded lines, printable ASCII. A parser decides on everything else.
_HEAD = re.compile(rb'POST /predict(?:\?([!"$-~]*))? HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[ \t]*[!-~][ -~]*\r\n)+)\r\n')
_ELSEWHERE = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"content-encoding"})
_PATIENCE_SECONDS = 1.0
MAX_HEAD_BYTES = 64 * 1024
"""Of a request line with its headers; a longer one is refused by the parser."""


class Quick:
    """Begins what can be answered without ASGI, for one service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def begin(self, data: bytes, answer: Answer, give_back: GiveBack) -> QuickRequest | None:
        """Take a request over; None where it is none of the plain ones, or is to be refused.

        Args:
            data: as it was received, from the first byte of a request on.
            answer: called once with status, headers and body, unless the request is given back or its client leaves.
            give_back: called instead with all that was received of the request, and when it began (`time.monotonic`).
        """
        service, begun = self._service, monotonic()
        head = _HEAD.match(data)
        if head is None or head.end() > MAX_HEAD_BYTES or service.reader is None:
            return None
        lines = head[2].split(b"\r\n")[:-1]
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        length = headers.get(b"content-length", b"")
        if (
            len(headers) < len(lines)
            or not _ELSEWHERE.isdisjoint(headers)
            or b"json" in headers.get(b"content-type", b"").lower()
            or headers.get(b"connection", b"keep-alive").lower() != b"keep-alive"
            or not length.isdigit()
            or not int(length)
        ):
            return None
        try:
            maps, operating_point = read_query(head[1] or b"", service.reader)
            service.admission.begin(int(length))
        except PneumoServeError:
            return None
        content_type = headers.get(b"content-type", b"").decode()
        asked = Asked(service.reader, maps, operating_point, content_type)
        account = Account(service, "POST", "/predict", headers.get(b"x-request-id", b""), begun)
        return QuickRequest(service, asked, account, int(length), answer, give_back, data, head.end())


class QuickRequest:
    """One plain request: its body as it comes, then its film in work, then its answer."""

    def __init__(
        self,
        service: Service,
        asked: Asked,
        account: Account,
        length: int,
        answer: Answer,
        give_back: GiveBack,
        data: bytes,
        head_bytes: int,
    ) -> None:
        self._service, self._asked, self._account = service, asked, account
        self._answer, self._give_back = answer, give_back
        self._head = memoryview(data)[:head_bytes]
        self._pieces: list[memoryview | bytes] = []
        self._left = length
        self._body = service.admission.hold()
        self._is_reading = True
        self._impatience: asyncio.TimerHandle | None = None
        self.feed(memoryview(data)[head_bytes:])

    def feed(self, piece: memoryview | bytes) -> None:
        """Take what came next; only while `is_reading`."""
        self._pieces.append(piece)
        self._left -= len(piece)
        try:
            self._body.grow(len(piece), self._service.settings)
            if self._left == 0:
                self._work()
        except PneumoServeError:
            self._return()
            return
        if self._left < 0:  # the beginning of another request
            self._return()
        elif self._left and self._impatience is None:
            # The route counts bytes against time; what comes at once needs no counting.
            seconds = min(_PATIENCE_SECONDS, self._service.settings.body_timeout_seconds)
            self._impatience = asyncio.get_running_loop().call_later(seconds, self._return)

    @property
    def is_reading(self) -> bool:
        """Whether the body has not ended yet."""
        return self._is_reading

    def leave(self) -> None:
        """Note that the client hung up."""
        if self._is_reading:
            self._stop_reading()
            self._body.release()
            self._account.close("client-gone")

    def _stop_reading(self) -> None:
        self._is_reading = False
        self._service.admission.end()
        if self._impatience is not None:
            self._impatience.cancel()

    def _return(self) -> None:
        if self._is_reading:
            self._stop_reading()
        self._body.release()
        self._give_back(b"".join([self._head, *self._pieces]), self._account.begun)

    def _work(self) -> None:
        service, now = self._service, monotonic()
        work = self._asked.make_work(b"".join(self._pieces))
        service.admission.enter(self._body)
        deadline = now + service.settings.deadline_seconds
        service.scheduler.submit(work, deadline=deadline, done=self._body.release, settle=self._settle)
        # From here on nothing is given back: the worker has the film.
        self._stop_reading()
        self._account.seconds["read"] = now - self._account.begun
        self._pieces.clear()
        self._head = memoryview(b"")  # it would keep the first piece, and that holds half the film

    def _settle(self, worked: tuple[Worked, float] | None, error: BaseException | None) -> None:
        account = self._account
        if worked is None:
            if isinstance(error, PneumoServeError):
                problem = respond(error, account.request_id)
            else:
                problem = account.fail(error or AssertionError())
            self._send(problem.status_code, problem.raw_headers, problem.body, problem.problem.slug)
            return
        (body, spent, probability), account.seconds["wait"] = worked
        account.seconds.update(spent)
        self._service.metrics.count_film(probability)
        self._send(200, [*FRESH, (b"content-length", b"%d" % len(body))], body, "ok")

    def _send(self, status: int, headers: Headers, body: bytes | memoryview, outcome: str) -> None:
        self._answer(status, [*headers, *self._account.headers()], bytes(body))
        self._account.status = status
        self._account.close(outcome)
