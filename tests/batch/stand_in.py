"""A stand-in for the service: a real server on a real socket, that fails as a test plans it."""

from __future__ import annotations

import itertools
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from tests.local_server import LocalServer

SHA256 = "ab" * 32
PNG = b"\x89PNG\r\n\x1a\n, then a picture"
MODEL = {
    "created": "2026-01-01T00:00:00Z",
    "input": {"width": 150, "height": 150, "resize": "squeeze-inter-area"},
    "labels": ["NORMAL", "PNEUMONIA"],
    "operating_points": {"half": 0.5, "balanced": 0.41},
    "default_operating_point": "balanced",
    "refer_band": None,
    "prevalence": 0.7,
    "metrics": {},
    "intended_use": "tests",
}

Step = str | tuple[int, str] | tuple[int, str, object]
"""What happens to a film: `(status, slug)`, `(status, slug, retry_after)`, "ok", "ok, then close", "drop" (the
connection, without an answer), or "garbage" (a page of another server)."""


class StandIn:
    """A server that keeps the contract; `plan[film]` lists what first happens to that film instead.

    A film's bytes decide: those that contain `positive` are PNEUMONIA. With `hold_after`, films are received and not
    answered once that many came, until `release`.
    """

    def __init__(self) -> None:
        self.plan: defaultdict[bytes, list[Step]] = defaultdict(list)
        self.received: list[bytes] = []
        self.queries: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections: list[int] = []  # the number of the client's connection, of each film
        self.numbers = itertools.count()
        self.sha256 = SHA256
        self.changes: dict[bytes, dict[str, Any]] = {}  # of a film's answer
        self.model_plan: list[Step] = []
        self.hold_after: int | None = None
        self.forget_to_read: set[int] = set()
        self.on_film: Callable[[bytes], Step | None] = lambda film: None
        self._released = threading.Event()
        self._lock = threading.Lock()
        self.start()

    def start(self, port: int = 0) -> None:
        """Listen, on a free port or on this one."""
        handler = type("Handler", (_Handler,), {"standin": self})
        self._server = LocalServer(handler, port)

    def stop(self) -> None:
        """Close the port."""
        self.release()
        self._server.stop()

    def release(self) -> None:
        """Send the held answers, and hold no more."""
        self.hold_after = None
        self._released.set()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """Its address."""
        return self._server.url

    def next_step(self, film: bytes, path: str, headers: Message) -> Step:
        """Note what came; return what shall happen to it."""
        with self._lock:
            self.received.append(film)
            self.queries.append(path.partition("?")[2])
            self.headers.append(dict(headers))
            is_held = self.hold_after is not None and len(self.received) > self.hold_after
            planned = self.on_film(film) or (self.plan[film].pop(0) if self.plan[film] else "ok")
        if is_held:
            self._released.wait(60)
        return planned


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    standin: ClassVar[StandIn]

    def log_message(self, *_: Any) -> None:
        pass

    def send(self, status: int, body: Any, retry_after: object = None, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status: int, slug: str, retry_after: object = None) -> None:
        body = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": f"Expected better than {slug}."}
        self.send(status, body | {"request_id": "r1"}, retry_after, "application/problem+json")

    def setup(self) -> None:
        super().setup()
        self.number = next(self.standin.numbers)

    def do_GET(self) -> None:
        if self.standin.model_plan:
            self.problem(*self.standin.model_plan.pop(0))
            return
        identity = {"name": "drawn", "version": "1", "sha256": self.standin.sha256}
        health = {"status": "ok", "model": identity, "engine": "openvino", "uptime_seconds": 1.5}
        self.send(200, health if self.path == "/health" else MODEL | identity)

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        if length in self.standin.forget_to_read:
            self.close_connection = True
            self.problem(413, "too-many-bytes")
            return
        film = self.rfile.read(length)
        self.standin.connections.append(self.number)
        step = self.standin.next_step(film, self.path, self.headers)
        if step in ("drop", "ok, then close"):
            self.close_connection = True
        if step == "garbage":
            self.send(200, b"<html>a login page</html>", kind="text/html")
        elif isinstance(step, tuple):
            self.problem(*step)
        elif step != "drop":
            self.send(200, PNG if self.path.startswith("/explain") else self.answer(film))

    def answer(self, film: bytes) -> dict[str, Any]:
        positive = b"positive" in film
        point = "half" if "operating_point=half" in self.path else "balanced"
        return {
            "class": "PNEUMONIA" if positive else "NORMAL",
            "probability": 0.973041 if positive else 0.1,
            "operating_point": {"name": point, "threshold": 0.5 if point == "half" else 0.41},
            "refer": False,
            "warnings": [{"code": "colour-image", "detail": "..."}, {"code": "low-depth", "detail": "..."}]
            if b"colour" in film
            else [],
            "filename": None,
            "gate": {"mode": "refuse", "verdict": "usual", "reason": None},
            "dicom": None,
            "model": {"name": "drawn", "version": "1", "sha256": self.standin.sha256},
            "activation_maps": [],
        } | self.standin.changes.get(film, {})
