"""A service in a process of its own, for hostile requests: after each it answers, and its log holds nothing of it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psutil

from tests.conftest import encode, film_pixels
from tests.running import wait_until
from tests.serving import Served, served

FILM = encode(film_pixels(1, 80, 100))
NAME = "DoeJane"
"""In whatever is sent; nowhere in the log."""

MAX_UPLOAD_BYTES = 1 << 20
MAX_GROWTH_BYTES = 48 << 20
BEHIND = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: behind\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Watched:
    """The service, and a client."""

    served: Served
    client: httpx.Client

    def exchange(self, *pieces: bytes, seconds: float = 20) -> bytes:
        """Send pieces over one connection; return all that came until the service closed it."""
        received = b""
        address = httpx.URL(self.served.url)
        with socket.create_connection((address.host, address.port)) as connection:
            connection.settimeout(seconds)
            with suppress(ConnectionError):  # what it does not want to read, it hangs up on
                for piece in pieces:
                    connection.sendall(piece)
            with suppress(ConnectionError):
                while piece := connection.recv(65536):
                    received += piece
        return received

    def memory(self) -> int:
        """Return the resident bytes."""
        return int(psutil.Process(self.served.process.pid).memory_info().rss)

    @contextmanager
    def hostile(self) -> Iterator[None]:
        """Check afterwards that it answers a film, has grown little, and logged requests alone, none of them failed."""
        seen, before = len(self.served.later), self.memory()
        yield
        answer = self.client.post("/predict", content=FILM)
        assert answer.status_code == 200
        assert self.memory() - before < MAX_GROWTH_BYTES
        wait_until(lambda: any(answer.headers["X-Request-ID"] in line for line in self.served.later[seen:]))
        for text in self.served.later[seen:]:
            line = json.loads(text)
            assert (line["level"], line["message"], line["status"] < 500) == ("info", "request", True), line
            assert NAME.lower() not in text.lower()
            assert len(text) < 1000


@contextmanager
def watched() -> Iterator[Watched]:
    """Serve the bundled model, with an upload's limit that is soon reached."""
    with (
        served(MAX_UPLOAD_BYTES=MAX_UPLOAD_BYTES, GATE="off") as process,
        httpx.Client(base_url=process.url, timeout=30) as client,
    ):
        assert client.post("/predict", content=FILM).status_code == 200
        yield Watched(process, client)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answers)]


def request(line: str, *headers: bytes, body: bytes = b"") -> bytes:
    """Return the bytes of a request, as they are given; a body is not counted."""
    return b"\r\n".join([line.encode("latin-1"), b"Host: x", *headers, b"", body])
