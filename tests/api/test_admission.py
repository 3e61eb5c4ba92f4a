from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.api import admission
from app.inference.engine import Maps
from tests.api.test_problems import assert_problem
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

FILM = encode(film_pixels(3))


class HeldEngine:
    """A network that answers when told to."""

    name = "openvino"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.films = 0

    def logits(self, films: np.ndarray) -> np.ndarray:
        self.films += len(films)
        self.go.wait(60)
        return np.zeros(len(films), np.float32)

    def maps(self, films: np.ndarray, *, cam: bool, layers: bool) -> Maps:
        raise NotImplementedError


@contextmanager
def holding(store: Path, **settings: float | str) -> Iterator[tuple[Running, HeldEngine]]:
    engine = HeldEngine()
    with running(store, **settings) as server:
        assert server.service.predictor is not None
        server.service.predictor.engine = engine  # type: ignore[assignment]
        try:
            yield server, engine
        finally:
            engine.go.set()


def test_films_over_the_limit_in_flight_are_429_at_once(tiny_store: Path) -> None:
    """With Retry-After; those before them are answered."""
    with holding(tiny_store, max_in_flight=2) as (server, engine), ThreadPoolExecutor(2) as pool:
        first = [pool.submit(server.client.post, "/predict", content=FILM) for _ in range(2)]
        wait_until(lambda: server.service.admission.in_flight == 2)
        refused = server.client.post("/predict", content=FILM)
        assert_problem(refused, "overloaded", 429, "2")
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.client.get("/health").status_code == 200
        engine.go.set()
        assert [answer.result().status_code for answer in first] == [200, 200]
        wait_until(lambda: server.service.admission.in_flight == 0)
        assert server.client.post("/predict", content=FILM).status_code == 200
        assert server.service.admission.bytes_held == 0


def test_work_that_was_not_begun_by_the_deadline_is_dropped(tiny_store: Path) -> None:
    """Answered 504 in time, it never reaches the network, and room is free again."""
    with holding(tiny_store, deadline_seconds=0.5, max_in_flight=8) as (server, engine):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: server.client.post("/predict", content=FILM), range(8)))
        for answer in answers:
            assert_problem(answer, "deadline-exceeded", 504)
        begun = engine.films
        assert 1 <= begun <= server.service.scheduler.workers
        engine.go.set()
        wait_until(lambda: server.service.admission.in_flight == 0)
        assert server.client.post("/predict", content=FILM).status_code == 200
        assert engine.films == begun + 1


def test_bodies_being_read_are_limited(tiny_store: Path) -> None:
    """A slow one takes the only place until it hangs up."""
    with running(tiny_store, max_reading=1) as server:
        slow = _begin(server, len(FILM), FILM[:10])
        wait_until(lambda: server.service.admission.reading == 1)
        assert_problem(server.client.post("/predict", content=FILM), "overloaded", 429)
        slow.close()
        wait_until(lambda: server.service.admission.reading == 0)
        assert server.client.post("/predict", content=FILM).status_code == 200
        gone = 'pneumoserve_requests_total{outcome="client-gone"} 1.0'
        assert gone in server.client.get("/metrics").text


def test_a_film_that_is_being_sent_has_a_place(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes behind it is refused unread, not after the body."""
    monkeypatch.setattr(admission, "PLACE_SECONDS", 60.0)
    with running(tiny_store, max_in_flight=1) as server:
        first = _begin(server, len(FILM), FILM[:10])
        wait_until(lambda: server.service.admission.coming == 1)
        # Over a connection that served before, and as the first request of one.
        assert_problem(server.client.post("/predict", content=FILM), "overloaded", 429)
        with _begin(server, len(FILM), b"") as behind:
            assert behind.recv(100).startswith(b"HTTP/1.1 429 ")
        first.sendall(FILM[10:])
        assert first.recv(100).startswith(b"HTTP/1.1 200 ")
        first.close()
        wait_until(lambda: server.service.admission.in_flight == 0)
        assert server.service.admission.coming == 0


def test_a_slow_sender_loses_its_place(tiny_store: Path) -> None:
    with running(tiny_store, max_in_flight=1) as server, _begin(server, len(FILM), FILM[:10]) as slow:
        wait_until(lambda: server.service.admission.reading == 1)
        wait_until(lambda: server.service.admission.coming == 0)
        assert server.client.post("/predict", content=FILM).status_code == 200
        slow.sendall(FILM[10:])
        assert slow.recv(100).startswith(b"HTTP/1.1 200 ")


def test_bytes_in_memory_are_limited(tiny_store: Path) -> None:
    """Half-sent bodies count."""
    with running(tiny_store, max_bytes_held=len(FILM) + 10) as server:
        slow = _begin(server, 100, bytes(10))
        wait_until(lambda: server.service.admission.bytes_held == 10)
        assert server.client.post("/predict", content=FILM).status_code == 200
        slow.sendall(bytes(1))
        wait_until(lambda: server.service.admission.bytes_held == 11)
        assert_problem(server.client.post("/predict", content=FILM), "overloaded", 429)
        slow.close()
        wait_until(lambda: server.service.admission.bytes_held == 0)
        assert server.client.post("/predict", content=FILM).status_code == 200


def test_a_body_that_does_not_arrive_is_408(tiny_store: Path) -> None:
    """Then the connection ends."""
    with running(tiny_store, body_timeout_seconds=0.3) as server:
        slow = _begin(server, len(FILM), FILM[:10])
        slow.settimeout(10)
        answer = slow.recv(65536)
        slow.close()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/slow-body" in answer


def test_a_body_at_the_allowed_rate_may_take_longer(tiny_store: Path) -> None:
    """Longer than the timeout, but faster than 64 KiB a second."""
    film = encode(film_pixels(3, 1000, 1000), ".png", 16, 0)
    with running(tiny_store, body_timeout_seconds=1) as server:

        def trickle() -> Iterator[bytes]:
            for start in range(0, len(film), 32768):
                yield film[start : start + 32768]
                time.sleep(0.05)

        response = server.client.post("/predict", content=trickle())

    assert response.status_code == 200
    assert len(film) > 20 * 32768


def test_the_film_of_a_client_that_hung_up_is_dropped_before_it_is_read(tiny_store: Path) -> None:
    """Only what a worker had begun reaches the network; every count returns to zero."""
    with holding(tiny_store) as (server, engine):
        workers = server.service.scheduler.workers
        connections = []
        for count in range(1, workers + 6):
            connections.append(_begin(server, len(FILM), FILM))
            wait_until(lambda count=count: server.service.admission.in_flight == count)
        wait_until(lambda: engine.films == workers)
        for connection in connections:
            connection.close()
        wait_until(lambda: server.service.admission.in_flight == workers)
        gone = f'pneumoserve_requests_total{{outcome="client-gone"}} {workers + 5}.0'
        wait_until(lambda: gone in server.client.get("/metrics").text)
        assert engine.films == workers
        engine.go.set()
        wait_until(lambda: server.service.admission.in_flight == 0)
        assert server.service.admission.bytes_held == 0
        assert server.client.post("/predict", content=FILM).status_code == 200


def test_no_upload_touches_the_disk(tiny_store: Path) -> None:
    """No file is opened for writing."""
    film = encode(film_pixels(3, 1500, 1500), ".png", 16, 0)
    opened: list[str] = []
    active = False

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if active and event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)
    with running(tiny_store) as server:
        active = True
        response = server.client.post("/predict", files={"file": ("large.png", film)})
        active = False

    assert len(film) > 2 * 2**20
    assert response.status_code == 200
    assert opened == []


def _begin(server: Running, declared: int, body: bytes) -> socket.socket:
    """Send a header and this part of its body."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {declared}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_the_same_client_is_served_after_every_refusal(tiny_store: Path) -> None:
    """Nothing of the refused body is taken for the next request."""
    with (
        running(tiny_store, max_upload_bytes=len(FILM)) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        for body, status in [(FILM, 200), (FILM + bytes(100), 413), (b"GIF89a", 415), (FILM, 200)] * 3:
            assert client.post("/predict", content=body).status_code == status
