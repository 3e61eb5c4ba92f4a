from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.conftest import encode, film_pixels
from tests.running import running


@pytest.mark.parametrize("sent", [b"", b"POST /predict HTTP/1.1\r\nHost:"])
def test_who_sends_no_whole_header_is_hung_up_on(tiny_store: Path, sent: bytes) -> None:
    """A silent connection, or half a header, is closed after the time that a body may take."""
    with running(tiny_store, body_timeout_seconds=0.4) as server:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            silent.sendall(sent)
            silent.settimeout(10)
            assert silent.recv(1000) == b""
    assert 0.3 < time.monotonic() - begun < 5


def test_half_a_second_header_is_hung_up_on_too(tiny_store: Path) -> None:
    """After an answer, on a connection that stays open."""
    with (
        running(tiny_store, body_timeout_seconds=0.4) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        kept.settimeout(10)
        kept.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        kept.sendall(b"GET /livez HTTP/1.1\r\nHo")
        begun = time.monotonic()
        assert kept.recv(1000) == b""
    assert time.monotonic() - begun < 5


def test_an_answer_may_take_longer_than_a_header(tiny_store: Path) -> None:
    """Nobody is hung up on while their film is read, however short the time for headers."""
    film = encode(film_pixels(1, 3000, 3000))
    with running(tiny_store, body_timeout_seconds=0.05) as server:
        responses = [server.client.post("/predict?activation_maps=all", content=film) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 200]
