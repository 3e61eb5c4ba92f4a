"""The image's healthcheck, as the Dockerfile calls it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.listening import listen

ROOT = Path(__file__).parents[1]
needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6 beside IPv4")


@contextmanager
def answering(host: str, port: int = 0, status: int = 200) -> Iterator[int]:
    """A server that answers `/health`, and what else is asked with 404; its port."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_told: object) -> None:
            pass

    (sock,) = listen(host, port)
    server = HTTPServer(("", 0), Health, bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def healthcheck(**variables: object) -> subprocess.CompletedProcess[str]:
    """Call what stands behind HEALTHCHECK in the Dockerfile."""
    command = json.loads((ROOT / "Dockerfile").read_text().split("HEALTHCHECK")[-1].split("CMD")[1].splitlines()[0])
    assert command[0] == "python"
    environment = {f"PNEUMOSERVE_{name}": str(value) for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, *command[1:]],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104
        "127.0.0.2",
        "localhost",
        pytest.param("::", marks=needs_ipv6),
        pytest.param("::1", marks=needs_ipv6),
    ],
)
def test_the_address_that_is_served_is_asked(host: str) -> None:
    """Whichever it is, without a word where all is well."""
    with answering(host) as port:
        done = healthcheck(HOST=host, PORT=port)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_status_other_than_200_and_no_answer_are_unhealthy() -> None:
    """One line says which; another address of the machine that answers is not the service's."""
    with answering("127.0.0.1", status=503) as port:
        not_ready = healthcheck(HOST="127.0.0.1", PORT=port)
    with answering("127.0.0.1") as port:
        elsewhere = healthcheck(HOST="127.0.0.2", PORT=port)
    assert (not_ready.returncode, elsewhere.returncode) == (1, 1)
    assert "Received 503" in not_ready.stderr
    assert "refused" in elsewhere.stderr
    assert len(elsewhere.stderr.splitlines()) == 1


def test_what_kubernetes_injects_is_not_asked() -> None:
    """The default port is, at the host of the settings."""
    done = healthcheck(HOST="no-host.invalid", PORT="tcp://10.96.0.12:9")
    assert done.returncode == 1
    assert "no-host.invalid port 8000" in done.stderr


def test_it_imports_neither_settings_nor_command_line() -> None:
    """It runs beside busy workers, every few seconds."""
    code = "import sys, app.healthcheck; print(sorted({'pydantic', 'typer', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
