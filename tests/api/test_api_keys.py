"""Requests with, without and with wrong API keys."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.keys import make_key, read_keys
from tests.conftest import encode, film_pixels
from tests.running import Running, film_request, running, wait_until

FILM = encode(film_pixels(0))
KEY, PAIR = make_key("radiology")
OTHER, OTHER_PAIR = make_key("research")


@pytest.fixture(scope="module")
def locked(tiny_store: Path) -> Iterator[Running]:
    with running(tiny_store, api_keys=read_keys(f"{PAIR},{OTHER_PAIR}")) as server:
        yield server


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize("key", [KEY, OTHER], ids=["first", "second"])
def test_each_key_lets_films_in(locked: Running, path: str, key: str) -> None:
    assert locked.client.post(path, content=FILM, headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/explain"])
@pytest.mark.parametrize("keys", [[], ["wrong"], [""], [KEY + "x"], [KEY, OTHER], ["schlüssel"]], ids=range(6))
def test_without_one_right_key_a_film_is_refused(locked: Running, path: str, keys: list[str]) -> None:
    """The problem says what was expected, and repeats no key."""
    headers = [(b"X-API-Key", key.encode()) for key in keys]
    answer = locked.client.post(path, content=FILM, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthorized")
    assert "X-API-Key" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("ApiKey")
    assert all(key not in answer.text for key in keys if key)


def test_a_wrong_key_is_refused_before_the_body_and_the_parameters(locked: Running) -> None:
    """It is counted, as every outcome."""
    with socket.create_connection(("127.0.0.1", locked.port), timeout=10) as connection:
        connection.sendall(film_request(FILM, "X-API-Key: wrong", target="/predict?invented=1")[: -len(FILM)])
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")
    assert 'pneumoserve_requests_total{outcome="unauthorized"}' in locked.client.get("/metrics").text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/model", "/metrics", "/docs", "/openapi.json"])
def test_what_sends_no_film_is_open(locked: Running, path: str) -> None:
    assert locked.client.get(path).status_code == 200


def request_lines(caplog: pytest.LogCaptureFixture, count: int) -> list[dict[str, object]]:
    """Return the fields of the last lines; each is written after its answer was sent."""

    def lines() -> list[dict[str, object]]:
        return [record.fields for record in caplog.records if record.message == "request"]  # type: ignore[attr-defined]

    wait_until(lambda: len(lines()) >= count)
    return lines()[-count:]


def test_the_log_names_the_key_and_shows_none(locked: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pneumoserve"):
        locked.client.post("/predict", content=FILM, headers={"X-API-Key": KEY})
        locked.client.post("/predict", content=FILM, headers={"X-API-Key": "wrong-key"})
        locked.client.get("/livez")
        lines = request_lines(caplog, 3)
    assert [line.get("key") for line in lines] == ["radiology", None, None]
    written = json.dumps(lines)
    assert KEY not in written
    assert "wrong-key" not in written


def test_a_callers_own_id_is_logged_as_a_hash(tiny_store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same one each time; ids that the service made, and by a setting all, as they are."""
    for shows_ids in (False, True):
        caplog.clear()
        with running(tiny_store, log_client_ids=shows_ids) as server, caplog.at_level(logging.INFO, "pneumoserve"):
            for sent in ("A123456", "A123456", None):
                headers = {"X-Request-ID": sent} if sent else {}
                answer = server.client.get("/livez", headers=headers)
            ids = [str(line["request_id"]) for line in request_lines(caplog, 3)]
        assert ids[2] == answer.headers["x-request-id"]
        if shows_ids:
            assert ids[:2] == ["A123456", "A123456"]
        else:
            assert ids[0] == ids[1]
            assert ids[0].startswith("hash-")
            assert "123456" not in ids[0]
