"""HTTP sessions with DICOMweb servers and Orthanc: timeouts, no redirects, the address's user and password."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from gateway.errors import Failed, Unavailable

_TIMEOUT_SECONDS = (10, 60)  # to connect, and between bytes of the answer
_WAIT = {401, 403, 404, 408, 429, 502, 503, 504}
"""About the server, its settings or its load, and not about what was sent."""

# A server that closes an idle connection, as a request comes on it, tells nothing of itself.
_ONCE_MORE = Retry(total=1, connect=0, read=1, redirect=0, status=0, other=0, allowed_methods={"GET"})


class _TimedAdapter(HTTPAdapter):
    def send(self, *request: Any, **options: Any) -> requests.Response:
        return super().send(*request, **{**options, "timeout": _TIMEOUT_SECONDS})


def open_session(address: str) -> tuple[str, requests.Session]:
    """Return the address without user and password, and a session that sends them."""
    parts = urlsplit(address)
    session = requests.Session()
    session.trust_env = False  # neither proxies nor .netrc
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, _TimedAdapter(max_retries=_ONCE_MORE))
    if parts.username:
        session.auth = unquote(parts.username), unquote(parts.password or "")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")), session


def check_status(status: int) -> None:
    """Raise what an HTTP status that is no success means.

    Raises:
        Unavailable: another time it may be answered.
        Failed: what was sent was not taken.
    """
    if status in _WAIT:
        raise Unavailable(f"The server answered with status {status}.")
    if not 200 <= status < 300:
        raise Failed(f"The server answered with status {status}.")
