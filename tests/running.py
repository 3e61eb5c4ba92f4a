"""A real server on a real socket, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from app.api.service import Service
from app.api.tracing import Tracing
from app.main import create_app
from app.server import make_server
from app.settings import Settings
from tests.conftest import encode


@dataclass(frozen=True)
class Running:
    """A server: its address, a client, and the service inside."""

    port: int
    client: httpx.Client
    service: Service


@contextmanager
def running(
    store: Path, *, wait_ready: bool = True, tracing: Tracing | None = None, **settings: Any
) -> Iterator[Running]:
    chosen = Settings(model_store=store, **{"port": 0} | settings)
    app = create_app(chosen, tracing=tracing)
    server = make_server(app, chosen)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            if wait_ready:
                wait_until(lambda: client.get("/readyz").status_code == 200)
            yield Running(port, client, app.state.service)
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive()
        assert app.state.service.scheduler.join(0)


def wait_until(condition: Any, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def film_request(film: bytes, *headers: str, target: str = "/predict") -> bytes:
    """Return the bytes of a request that sends a film."""
    head = [f"POST {target} HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(film)}"]
    return "\r\n".join([*head, "", ""]).encode() + film


def small_but_slow() -> bytes:
    """Draw 25 megapixels, slow to read, in less than the 64 KB after which the server stops reading."""
    film = encode(np.repeat(np.array([20, 200], np.uint8), 2500)[None].repeat(5000, 0), ".png")
    assert len(film) < 60_000
    return film
