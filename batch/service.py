"""The service's address, and what requests share."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from batch.errors import WrongAddress

CONNECT_TIMEOUT_SECONDS = 10.0
ANSWER_TIMEOUT_SECONDS = 60.0
"""Of silence; longer than the service's own deadline."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `target` is path and query."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None = None


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
        try:
            parts = urlsplit(self.base)
            host = (parts.hostname or "").encode("idna")
            usable = parts.scheme in ("http", "https") and host and (parts.port is None or parts.port > 0)
            usable = usable and not (parts.query or parts.fragment or parts.username) and parts.path.isascii()
        except ValueError:  # brackets, a port, or a label of the host
            usable = False
        if not usable or not self.base.isprintable() or " " in self.base:
            shown = f"…@{self.base.rpartition('@')[2]}" if "@" in self.base else self.base  # no password
            raise WrongAddress(f"Expected the service's URL, like http://127.0.0.1:8000. Received: {shown}")
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise WrongAddress("Expected an API key of printable ASCII. Received other characters in it.")
        object.__setattr__(self, "headers", {"X-API-Key": self.api_key} if self.api_key else {})
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

    @property
    def origin(self) -> str:
        """The URL without its path."""
        return urlsplit(self.base)._replace(path="").geturl()

    def get(self, route: str) -> Request:
        """Return the request that reads a route."""
        return Request("GET", self._path + route, self.headers)

    def film(self, route: str, film: bytes, query: Mapping[str, str | None] | None = None) -> Request:
        """Return the request that sends a film as the raw body, at `query`'s operating point or else at this one's.

        `query`: parameters; those that are None are left out.
        """
        given = {"operating_point": self.operating_point}
        given |= {name: value for name, value in (query or {}).items() if value is not None}
        encoded = urlencode({name: value for name, value in given.items() if value})
        headers = self.headers | {"Content-Type": "application/octet-stream"}
        return Request("POST", self._path + route + ("?" + encoded if encoded else ""), headers, film)

    @property
    def _path(self) -> str:
        return urlsplit(self.base).path.rstrip("/")
