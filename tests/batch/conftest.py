"""A stand-in for the service: a real server on a real socket, that can be told how to fail."""

import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

SHA256 = "ab" * 32


class StandIn:
    """Answers like the contract; `plan[film]` lists what happens first to that film instead, `"ok"` at its end.

    A film's bytes decide: those that contain `sick` are PNEUMONIA. A plan's step is `(status, slug)`,
    `(status, slug, retry_after)`, `"drop"`, or `"garbage"`.
    """

    def __init__(self):
        self.plan = defaultdict(list)
        self.received = []
        self.arrivals = []
        self.queries = []
        self.headers = []
        self.sha256 = SHA256
        self.model_plan = []
        self.seconds = 0.0
        self.forget_to_read = set()
        self._lock = threading.Lock()
        self._server = None
        self.start()

    def start(self, port=0):
        """Listen, on a free port or on this one."""
        handler = type("Handler", (_Handler,), {"standin": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self):
        """The port it listens on."""
        return self._server.server_address[1]

    @property
    def url(self):
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def step_for(self, film, path, headers):
        """Note what came, and tell what shall happen to it."""
        with self._lock:
            self.received.append(film)
            self.arrivals.append(time.monotonic())
            self.queries.append(path.partition("?")[2])
            self.headers.append(dict(headers))
            return self.plan[film].pop(0) if self.plan[film] else "ok"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, retry_after=None, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)

    def problem(self, status, slug, retry_after=None):
        told = {"type": f"/problems/{slug}", "title": slug, "status": status, "detail": f"Expected better than {slug}."}
        self.send(status, told | {"request_id": "r1"}, retry_after, "application/problem+json")

    def do_GET(self):
        if self.standin.model_plan:
            return self.problem(*self.standin.model_plan.pop(0))
        return self.send(
            200,
            {
                "name": "drawn",
                "version": "1",
                "sha256": self.standin.sha256,
                "operating_points": {"half": 0.5, "balanced": 0.41},
                "default_operating_point": "balanced",
            },
        )

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        if length in self.standin.forget_to_read:
            self.close_connection = True
            return self.problem(413, "too-many-bytes")
        film = self.rfile.read(length)
        step = self.standin.step_for(film, self.path, self.headers)
        time.sleep(self.standin.seconds)
        if step == "drop":
            self.close_connection = True
            return None
        if step == "garbage":
            return self.send(200, b"<html>a login page</html>", kind="text/html")
        if step != "ok":
            return self.problem(*step)
        sick = b"sick" in film
        point = "half" if "operating_point=half" in self.path else "balanced"
        return self.send(
            200,
            {
                "class": "PNEUMONIA" if sick else "NORMAL",
                "probability": 0.973041 if sick else 0.1,
                "operating_point": {"name": point, "threshold": 0.5 if point == "half" else 0.41},
                "refer": False,
                "warnings": [{"code": "colour-image", "detail": "..."}, {"code": "low-depth", "detail": "..."}]
                if b"colour" in film
                else [],
                "filename": None,
                "model": {"name": "drawn", "version": "1", "sha256": self.standin.sha256},
                "activation_maps": [],
            },
        )


@pytest.fixture
def service():
    """Run a stand-in for one test."""
    standin = StandIn()
    yield standin
    standin.stop()


@pytest.fixture
def films(tmp_path):
    """Twelve films, six a class; their bytes are their names."""
    for label, word in (("NORMAL", "well"), ("PNEUMONIA", "sick")):
        folder = tmp_path / "films" / label
        folder.mkdir(parents=True)
        for number in range(6):
            (folder / f"person{number}_virus_1.jpeg").write_bytes(f"{word} {number}".encode())
    return tmp_path / "films"
