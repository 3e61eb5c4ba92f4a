"""Every request's id, timings and log line, and an answer where we failed."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from random import getrandbits
from time import monotonic
from typing import TYPE_CHECKING

from app.api.admission import ClientGone
from app.api.problems import INTERNAL_ERROR, ProblemResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.api.service import Service

_log = logging.getLogger("pneumoserve")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# One a process: the same id has the same hash until it ends, and nobody can try ids afterwards.
_LOG_KEY = secrets.token_bytes(32)
_FILM_PATHS = frozenset({"/predict", "/explain"})
_KNOWN_PATHS = _FILM_PATHS | {"/health", "/livez", "/readyz", "/model", "/metrics", "/docs", "/openapi.json"}


class Telemetry:
    """Middleware; routes find its `Account` in `request.state.account`."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Account for the request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        sent_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        account = Account(self._service, scope["method"], scope["path"], sent_id, monotonic())
        state.update(account=account, outcome="ok")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                account.status = message["status"]
                message["headers"] = [*message["headers"], *account.headers()]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientGone:
            state["outcome"] = "client-gone"
        account.close(state["outcome"])


class Failures:
    """Middleware within `Telemetry` and those that add headers: a problem where we failed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turn our errors into a problem."""
        try:
            await self._app(scope, receive, send)
        except ClientGone:
            raise
        except Exception as error:
            if scope["type"] != "http":
                raise
            account: Account = scope["state"]["account"]
            problem = account.fail(error)
            if account.status == 0:
                await problem(scope, receive, send)
            scope["state"]["outcome"] = problem.problem.slug


class Account:
    """What headers, log and metrics report of one request."""

    def __init__(self, service: Service, method: str, path: str, sent_id: bytes, begun: float) -> None:
        """Begin at `begun`, by `time.monotonic()`; an acceptable `sent_id` is the request's id."""
        self._service, self._method, self._path = service, method, path
        self.request_id = choose_request_id(sent_id)
        self.key_name: str | None = None
        # Callers put accession numbers into their ids.
        self._is_hidden = self.request_id == sent_id.decode("latin-1") and not service.settings.log_client_ids
        self.begun = begun
        self.seconds: dict[str, float] = {}
        self.status = 0

    @property
    def logged_id(self) -> str:
        """The request's id as the log shows it: a caller's own as a keyed hash, unless a setting allows it."""
        if not self._is_hidden:
            return self.request_id
        return "hash-" + hashlib.blake2b(self.request_id.encode(), key=_LOG_KEY, digest_size=12).hexdigest()

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the response's headers."""
        headers = [(b"x-request-id", self.request_id.encode()), (b"x-content-type-options", b"nosniff")]
        if self.seconds:
            timing = ", ".join([f"{phase};dur={spent * 1e3:.2f}" for phase, spent in self.seconds.items()])
            headers.append((b"server-timing", timing.encode()))
        return headers

    def close(self, outcome: str) -> None:
        """Count the request and write its log line."""
        path = self._path if self._path in _KNOWN_PATHS else "other"
        self.seconds["total"] = total = monotonic() - self.begun
        if path in _FILM_PATHS:
            self._service.metrics.count_request(outcome, self.seconds)
        fields = {
            "method": self._method if self._method.isalpha() else "other",
            "path": path,
            "status": self.status,
            "outcome": outcome,
            "request_id": self.logged_id,
            "milliseconds": round(total * 1e3, 2),
        }
        if self.key_name is not None:
            fields["key"] = self.key_name
        _log.info("request", extra={"fields": fields})

    def fail(self, error: BaseException) -> ProblemResponse:
        """Log an error's place, without its message, which can hold a path or a patient's name."""
        place, trace = "unknown", error.__traceback__
        while trace is not None:
            place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
            trace = trace.tb_next
        _log.error(
            "internal-error",
            extra={"fields": {"error": type(error).__name__, "at": place, "request_id": self.logged_id}},
        )
        detail = "The service failed. Its log tells more under this request id."
        return ProblemResponse(INTERNAL_ERROR, detail, self.request_id)


def choose_request_id(sent: bytes) -> str:
    """Return the caller's own id where it is acceptable, else a new one."""
    if _REQUEST_ID.fullmatch(sent):
        return sent.decode()
    # Not secret; the system's random numbers cost a twelfth of a request.
    return f"{getrandbits(128):032x}"
