"""How long a connection stays open between two requests."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from app.main import create_app
from app.server import make_server
from app.settings import Settings
from tests.running import running


def ask(kept: socket.socket) -> None:
    """Ask whether it lives, and read the whole answer."""
    kept.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        piece = kept.recv(65536)
        assert piece, "the connection was closed"
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200")


def test_an_idle_connection_is_closed_after_the_setting(tiny_store: Path) -> None:
    """Sooner than by default, where it is shorter."""
    with (
        running(tiny_store, keep_alive_seconds=1) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        kept.settimeout(4)
        ask(kept)
        assert kept.recv(1) == b""


def test_the_time_for_a_header_does_not_end_an_idle_connection(tiny_store: Path) -> None:
    """It runs from a header's first byte on."""
    with (
        running(tiny_store, body_timeout_seconds=0.2) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        kept.settimeout(10)
        for pause in (0.6, 0):
            ask(kept)
            time.sleep(pause)


def test_it_may_be_longer_than_a_proxy_waits(tiny_store: Path) -> None:
    """60 s is what most wait; 5 s is the default."""
    for given, seconds in (({"keep_alive_seconds": 75}, 75), ({}, 5)):
        settings = Settings(model_store=tiny_store, **given)
        assert make_server(create_app(settings), settings).config.timeout_keep_alive == seconds
