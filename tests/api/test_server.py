from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.conftest import encode, film_pixels
from tests.running import film_request, running, small_but_slow

ALL_MAPS = "/predict?activation_maps=all"


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
        responses = [server.client.post(ALL_MAPS, content=film) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 200]


def send_without_end(kept: socket.socket) -> None:
    """Send 64 MB, slowly enough for an answer to come between."""
    for _ in range(1000):
        kept.sendall(b"x" * 65536)
        time.sleep(0.001)


@pytest.mark.parametrize("is_behind_the_film", [True, False], ids=["behind the film", "in a packet of its own"])
def test_answers_come_in_the_order_of_their_requests(tiny_store: Path, is_behind_the_film: bool) -> None:
    """Also where the next one comes in pieces while the film before it is read."""
    film = film_request(small_but_slow(), target=ALL_MAPS)
    begun, ended = b"GET /livez HT", b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with running(tiny_store) as server, socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        for part in (film + begun, ended) if is_behind_the_film else (film, begun, ended):
            kept.sendall(part)
            time.sleep(0.03)
        answers = b"".join(iter(lambda: kept.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.index(b'"probability"') < answers.rindex(b"HTTP/1.1 200")


def test_an_endless_header_behind_an_open_request_is_hung_up_on(tiny_store: Path) -> None:
    """It would fill the memory otherwise."""
    with running(tiny_store) as server, socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        kept.sendall(film_request(small_but_slow(), target=ALL_MAPS))
        time.sleep(0.02)
        kept.sendall(b"GET /livez HTTP/1.1\r\nX: ")
        with pytest.raises(ConnectionError):
            send_without_end(kept)


@pytest.mark.parametrize("first", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_an_offer_of_http_2_is_declined_and_the_film_read(tiny_store: Path, first: bytes) -> None:
    """As Java's own client makes it with each request, on a new connection or on one in use."""
    offer = "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB"
    with running(tiny_store) as server, socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        if first:
            kept.sendall(first)
            assert kept.recv(65536).startswith(b"HTTP/1.1 200")
        kept.sendall(film_request(encode(film_pixels(1, 300, 300)), *offer, target=ALL_MAPS))
        answer = b"".join(iter(lambda: kept.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"probability"' in answer
