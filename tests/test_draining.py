"""The end of `pneumoserve serve`, by signals to a process of its own."""

from __future__ import annotations

import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.conftest import encode, film_pixels
from tests.running import film_request
from tests.serving import served

FILM = encode(film_pixels(0))


def begin_request(url: str) -> socket.socket:
    """Send all of a film's request but its last byte."""
    where = httpx.URL(url)
    connection = socket.create_connection((where.host, where.port or 80), timeout=20)
    connection.sendall(film_request(FILM)[:-1])
    return connection


def test_after_sigterm_it_says_so_finishes_its_work_and_ends_with_0(tiny_store: Path) -> None:
    """The listener stays open for the grace."""
    with served(MODEL_STORE=tiny_store, DRAIN_GRACE_SECONDS=4) as process:
        connection = begin_request(process.url)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        time.sleep(0.3)
        answers = {path: httpx.get(f"{process.url}{path}") for path in ("/health", "/readyz", "/livez", "/model")}
        refused = httpx.post(f"{process.url}/predict", content=FILM)
        connection.sendall(FILM[-1:])
        finished = connection.recv(65536)
        connection.close()
        status = process.wait(20)
        took = time.monotonic() - asked
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/health": 503,
        "/readyz": 503,
        "/livez": 200,
        "/model": 200,
    }
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-ready")
    assert int(refused.headers["retry-after"]) >= 1
    assert finished.startswith(b"HTTP/1.1 200 ")
    assert status == 0
    assert took >= 4


def test_work_that_outlasts_the_grace_is_finished(tiny_store: Path) -> None:
    """Its connection is closed behind it, and nobody new gets in."""
    with served(MODEL_STORE=tiny_store, DRAIN_GRACE_SECONDS=0) as process, begin_request(process.url) as connection:
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{process.url}/livez")
        connection.sendall(FILM[-1:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert process.wait(20) == 0


def test_a_second_sigterm_ends_it_at_once(tiny_store: Path) -> None:
    with served(MODEL_STORE=tiny_store, DRAIN_GRACE_SECONDS=60) as process, ThreadPoolExecutor() as pool:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.process.poll() is None
        ended = pool.submit(process.wait, 20)
        process.send_signal(signal.SIGTERM)
        assert ended.result() == 128 + signal.SIGTERM


def test_ctrl_c_waits_for_no_load_balancer(tiny_store: Path) -> None:
    with served(MODEL_STORE=tiny_store, DRAIN_GRACE_SECONDS=60) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_compose_waits_longer_than_the_service_may_need() -> None:
    compose = (Path(__file__).parents[1] / "docker-compose.yml").read_text()
    (seconds,) = re.findall(r"stop_grace_period: ([0-9]+)s", compose)
    settings = Settings()
    assert int(seconds) >= settings.drain_grace_seconds + settings.deadline_seconds + 2
