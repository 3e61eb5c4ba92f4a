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
import yaml

from app.api.tracing import FLUSH_SECONDS
from app.environment import PREFIX
from app.main import WORKERS_END_SECONDS
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


def seconds_to_end(settings: Settings) -> float:
    """Return how long the service may need: grace, deadline, a second for connections, workers, the last traces."""
    return settings.drain_grace_seconds + settings.deadline_seconds + 1 + WORKERS_END_SECONDS + FLUSH_SECONDS


class Compose(yaml.SafeLoader):
    """Reads compose's own tags, such as `!reset`, as nothing."""


Compose.add_multi_constructor("!", lambda *_: None)


def stop_seconds(period: str, environment: dict[str, str]) -> float:
    """Add up a duration as Docker does, with `${NAME:-default}` filled in."""
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], period)
    assert re.fullmatch(r"(?:[0-9.]+s)+", filled)
    return sum(float(seconds) for seconds in filled.split("s")[:-1])


CHANGED = {"PNEUMOSERVE_DEADLINE_SECONDS": "120", "PNEUMOSERVE_DRAIN_GRACE_SECONDS": "0.5"}


@pytest.mark.parametrize("changed", [{}, CHANGED], ids=["default", "changed"])
def test_compose_waits_longer_than_the_service_may_need(changed: dict[str, str]) -> None:
    """Also where it hands settings on."""
    margins = {}
    for path in Path(__file__).parents[1].glob("*compose*.yml"):
        for service in yaml.load(path.read_text(), Compose)["services"].values():  # noqa: S506 - a safe loader
            if service.get("image", "").startswith("pneumoserve:"):
                handed = {name: changed[name] for name in changed.keys() & service["environment"].keys()}
                settings = Settings(**{name.removeprefix(PREFIX).lower(): value for name, value in handed.items()})
                margins[path.name] = stop_seconds(service["stop_grace_period"], handed) - seconds_to_end(settings)
    assert margins.keys() == {"docker-compose.yml", "compose.dicom.yml"}
    assert min(margins.values()) >= 2
