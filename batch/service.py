"""The service's address, and what requests share."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from batch.errors import WrongAddress

CONNECT_TIMEOUT_SECONDS = 10.0
_FOR_FILMS = {"/predict", "/explain"}


@dataclass(frozen=True)
class Service:
    """`base` is the service's URL with a proxy's path; `api_key` goes into `X-API-Key`.

    Raises:
        WrongAddress: the URL or the key cannot be used.
    """

    base: str
    operating_point: str | None = None
    api_key: str | None = None
    headers: dict[str, str] = field(init=False)
    context: ssl.SSLContext | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        try:
            usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable or parts.query or parts.fragment or parts.username or not self.base.isprintable():
            shown = f"…@{self.base.rpartition('@')[2]}" if "@" in self.base else self.base  # no password
            raise WrongAddress(f"Expected --url like http://127.0.0.1:8000. Received: {shown}")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise WrongAddress("Expected an API key of printable ASCII. Received other characters in it.")
        headers = {"Accept": "application/json"}
        if self.api_key:
            headers["X-API-Key"] = self.api_key
        object.__setattr__(self, "headers", headers)
        if parts.scheme == "https":
            object.__setattr__(self, "context", ssl.create_default_context())

    def connect(self) -> http.client.HTTPConnection:
        """Return an unopened connection."""
        parts = urlsplit(self.base)
        assert parts.hostname is not None  # noqa: S101 - checked in __post_init__; for mypy
        if self.context is not None:
            return http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=CONNECT_TIMEOUT_SECONDS, context=self.context
            )
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=CONNECT_TIMEOUT_SECONDS)

    def target(self, route: str, **query: str) -> str:
        """Return a route's request target; that of a route for films has the operating point."""
        if self.operating_point and route in _FOR_FILMS:
            query["operating_point"] = self.operating_point
        return urlsplit(self.base).path.rstrip("/") + route + ("?" + urlencode(query) if query else "")
