"""Around every request: its id, its timings, one log line, and an answer even where we failed."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from app.api.admission import BodyGone
from app.api.metrics import Metrics
from app.api.problems import INTERNAL_ERROR, ProblemResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("pneumoserve")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_KNOWN_PATHS = frozenset({"/predict", "/health", "/livez", "/readyz", "/model", "/metrics", "/docs", "/openapi.json"})


class Telemetry:
    """ASGI application around the others. Routes leave their phases' seconds in `request.state.seconds`."""

    def __init__(self, app: ASGIApp, metrics: Metrics, direct: Mapping[tuple[str, str], ASGIApp]) -> None:
        """Wrap an application.

        Args:
            app: answers whatever `direct` does not.
            metrics: that count.
            direct: method and path → the application that answers there; the way through `app` costs more than some
                answers.
        """
        self._app = app
        self._metrics = metrics
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; see the module."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        request_id = _request_id(scope["headers"])
        seconds: dict[str, float] = {}
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, seconds=seconds, outcome="ok")
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode())]
                if seconds:
                    timing = ", ".join(f"{phase};dur={spent * 1e3:.2f}" for phase, spent in seconds.items())
                    headers.append((b"server-timing", timing.encode()))
                message["headers"] = headers
            await send(message)

        try:
            app = self._direct.get((scope["method"], scope["path"]), self._app)
            await app(scope, receive, send_with_headers)
        except BodyGone:
            state["outcome"] = "client-gone"
        except Exception as error:
            self._log_failure(error, request_id)
            if status == 0:
                detail = "The service failed. Its log tells more under this request id."
                await ProblemResponse(INTERNAL_ERROR, detail, request_id)(scope, receive, send_with_headers)
            state["outcome"] = INTERNAL_ERROR.slug
        path = scope["path"] if scope["path"] in _KNOWN_PATHS else "other"
        seconds["total"] = perf_counter() - begun
        if path == "/predict":
            self._metrics.count_request(state["outcome"], seconds)
        _log.info(
            "request",
            extra={
                "fields": {
                    "method": scope["method"] if scope["method"].isalpha() else "other",
                    "path": path,
                    "status": status,
                    "outcome": state["outcome"],
                    "request_id": request_id,
                    "milliseconds": round(seconds["total"] * 1e3, 2),
                }
            },
        )

    @staticmethod
    def _log_failure(error: Exception, request_id: str) -> None:
        """Say where we failed, not with what: an error's own words can hold a path or a patient's name."""
        place, trace = "unknown", error.__traceback__
        while trace is not None:
            place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
            trace = trace.tb_next
        _log.error(
            "internal-error", extra={"fields": {"error": type(error).__name__, "at": place, "request_id": request_id}}
        )


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        return json.dumps(line | getattr(record, "fields", {}), ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in getattr(record, "fields", {}).items())
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return f"{time} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()


def configure_logging(style: Literal["json", "text"]) -> None:
    """Send our log and the errors of the server and of libraries to standard error, a line each, no traceback.

    Their warnings tell of clients' mistakes, without the request's id; the answers tell more.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if style == "json" else _TextFormatter())
    for name, level in (("pneumoserve", logging.INFO), (None, logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def _request_id(headers: list[tuple[bytes, bytes]]) -> str:
    sent = next((value for name, value in headers if name == b"x-request-id"), b"")
    if _REQUEST_ID.fullmatch(sent):
        return sent.decode()
    # It need not be secret: the system's random numbers would cost a twelfth of the request.
    return f"{getrandbits(128):032x}"
