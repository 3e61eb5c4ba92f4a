"""Every request's id, timings, sizes and log line, and an answer where we failed."""

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
    from app.inference.manifest import Manifest

_log = logging.getLogger("pneumoserve")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# One a process: the same id has the same hash until it ends, and nobody can try ids afterwards.
_LOG_KEY = secrets.token_bytes(32)
# Another could be any text.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
INFER_PATH = "/v2/models/infer"
"""What log and metrics call the address, whatever the model."""
_FILM_PATHS = frozenset({"/predict", "/explain", INFER_PATH})
_KNOWN_PATHS = _FILM_PATHS | {"/health", "/livez", "/readyz", "/model", "/metrics", "/docs", "/openapi.json"}
_INFER_ADDRESS = re.compile(r"/v2/models/[^/]+(?:/versions/[^/]+)?/infer")
# NORMAL is three letters shorter than PNEUMONIA: exact sizes of answers would tell the class.
_SENT_STEP = 4096
_HASH_DIGITS = 12


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
        account = Account(self._service, scope, monotonic())
        state.update(account=account, outcome="ok")

        async def count_received() -> Message:
            message = await receive()
            account.received += len(message.get("body", b""))
            return message

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                account.status = message["status"]
                message["headers"] = [*message["headers"], *account.headers()]
            else:
                account.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, count_received, send_with_headers)
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
    """What headers, log, metrics and traces report of one request.

    Attributes:
        method, path: as sent where the service knows them, else `other`.
        key_name: of the API key that came.
        model: of the model that a film was sent to.
        seconds: by phase, in the order in which they followed each other; `total` at the end.
        received: bytes of the body that were read.
        status: of the answer; 0 where none was begun.
        outcome: `ok`, `client-gone` or a problem's slug.
    """

    def __init__(self, service: Service, scope: Scope, begun: float) -> None:
        """Begin at `begun`, by `time.monotonic()`; an acceptable `X-Request-ID` is the request's id."""
        self._service, self._scope = service, scope
        method, path = scope["method"], scope["path"]
        self.method = method if method in _METHODS else "other"
        path = INFER_PATH if _INFER_ADDRESS.fullmatch(path) else path
        self.path = path if path in _KNOWN_PATHS else "other"
        sent_id = self.header(b"x-request-id")
        self.request_id = choose_request_id(sent_id)
        # Callers put accession numbers into their ids.
        self._is_hidden = self.request_id == sent_id.decode("latin-1") and not service.settings.log_client_ids
        self.key_name: str | None = None
        self.model: Manifest | None = None
        self.begun = begun
        self.seconds: dict[str, float] = {}
        self.received = self.sent = self.status = 0
        self.outcome = "ok"

    def header(self, wanted: bytes) -> bytes:
        """Return a header of the request, named in small letters; empty where it did not come."""
        return next((value for name, value in self._scope["headers"] if name == wanted), b"")

    @property
    def sent_size(self) -> int:
        """Bytes of the answer's body; of a film's answer, rounded up to whole 4096."""
        if self.method == "HEAD":
            return 0
        return -(-self.sent // _SENT_STEP) * _SENT_STEP if self.path in _FILM_PATHS else self.sent

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
        """Count the request, write its log line and, where they are asked for, its spans."""
        self.outcome = outcome
        self.seconds["total"] = monotonic() - self.begun
        if self.path in _FILM_PATHS:
            self._service.metrics.count_request(outcome, self.seconds)
        _log.info("request", extra={"fields": self._fields()})
        if self._service.tracing is not None:
            self._service.tracing.record(self)

    def _fields(self) -> dict[str, str | int | float]:
        """Return what the log says: nothing of the answer itself."""
        fields: dict[str, str | int | float] = {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "outcome": self.outcome,
            "request_id": self.logged_id,
            "bytes_received": self.received,
            "bytes_sent": self.sent_size,
            "milliseconds": round(self.seconds["total"] * 1e3, 2),
        }
        for phase, spent in self.seconds.items():
            if phase != "total":
                fields[f"{phase}_milliseconds"] = round(spent * 1e3, 2)
        if self.model is not None:
            fields["model_sha256"] = self.model.sha256.model_keras[:_HASH_DIGITS]
        if self.key_name is not None:
            fields["key"] = self.key_name
        return fields

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
