"""Refuses films from their heads alone while the service is full: the way through ASGI costs many times as much."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from functools import lru_cache
from time import monotonic

from app.api.problems import respond
from app.api.service import Service
from app.api.telemetry import INFER_PATH, choose_request_id
from app.errors import Overloaded
from app.keys import find_only_name

_log = logging.getLogger("pneumoserve")
_LOG_SECONDS = 1.0
_SOME_ID = b"0" * 32
_ROUTE = re.compile(rb"POST ([^ ?]*/(?:predict|explain)(?=[ ?])|[^ ?]*/infer(?= ))")
# What needs a longer look: a body under /v2 whose encoding may be refused for good, and a browser's other origin.
_ENCODING = re.compile(rb"\ncontent-encoding:", re.IGNORECASE)
_ORIGIN = re.compile(rb"\norigin:", re.IGNORECASE)
_KEY = re.compile(rb"\nx-api-key:[ \t]*([^\r]*?)[ \t]*\r", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\nx-request-id:[ \t]*([^\r]*?)[ \t]*\r", re.IGNORECASE)


class EarlyRefusal:
    """The answer `overloaded` to a plain head, for the server around the service.

    Refusals are counted as others are, but logged together, in one line a second for each route and key.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        root = service.settings.root_path
        self._paths = {start + path: path for path in ("/predict", "/explain") for start in ("", root)}
        self._unlogged: Counter[tuple[str, str | None]] = Counter()

    def answer(self, head: bytes) -> bytes | None:
        """Return the whole response; None where the service shall read the request itself.

        To be called in the event loop's thread.

        Args:
            head: request line and headers of a plain request, see `find_plain`.
        """
        service, begun = self._service, monotonic()
        if not (service.admission.is_full and service.takes_films):
            return None
        route = _ROUTE.match(head)
        path = self._find_path(route[1].decode()) if route else None
        if path is None or (path == INFER_PATH and _ENCODING.search(head)):
            return None
        if service.settings.cors_origins and _ORIGIN.search(head):
            return None
        key_name = None
        if service.settings.api_keys:
            sent = [key.decode("latin-1") for key in _KEY.findall(head)]
            key_name = find_only_name(service.settings.api_keys, sent)
            if key_name is None:
                return None
        refusal = service.admission.refuse()
        sent_id = _REQUEST_ID.search(head)
        request_id = choose_request_id(sent_id[1] if sent_id else b"")
        # A new id is as long as any other.
        answer = (
            _write(refusal, path, request_id)
            if sent_id
            else _template(refusal.args[0], refusal.retry_after, path).replace(_SOME_ID, request_id.encode())
        )
        service.metrics.count_request("overloaded", {"total": monotonic() - begun})
        self._log_later(path, key_name)
        return answer

    def _find_path(self, target: str) -> str | None:
        """Return the route as log and metrics name it; None for a model that does not run."""
        if not target.endswith("/infer"):
            return self._paths.get(target)
        manifest, root = self._service.loaded().manifest, self._service.settings.root_path
        model = f"/v2/models/{manifest.name}"
        paths = (f"{model}/infer", f"{model}/versions/{manifest.version}/infer")
        return INFER_PATH if target in paths or (root and target.removeprefix(root) in paths) else None

    def _log_later(self, path: str, key_name: str | None) -> None:
        if not self._unlogged:
            asyncio.get_running_loop().call_later(_LOG_SECONDS, self._write_log)
        self._unlogged[path, key_name] += 1

    def _write_log(self) -> None:
        for (path, key_name), count in self._unlogged.items():
            fields = {"method": "POST", "path": path, "status": 429, "outcome": "overloaded", "count": count}
            _log.info("refused", extra={"fields": fields | ({"key": key_name} if key_name else {})})
        self._unlogged.clear()


@lru_cache
def _template(detail: str, retry_after: int, path: str) -> bytes:
    return _write(Overloaded(detail, retry_after), path, _SOME_ID.decode())


def _write(refusal: Overloaded, path: str, request_id: str) -> bytes:
    """Return the response that the way through ASGI would give."""
    response = respond(refusal, request_id)
    if path == INFER_PATH:
        response.add_error()
    own = [(b"connection", b"close"), (b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]
    lines = b"".join(b"%b: %b\r\n" % header for header in [*response.raw_headers, *own])
    return b"HTTP/1.1 429 Too Many Requests\r\n%b\r\n" % lines + response.body
