"""Pages of other origins that ask from a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.api import predict
from tests.api.test_problems import assert_problem
from tests.conftest import encode, film_pixels
from tests.running import Running, running

VIEWER = "https://viewer.example.org"
FROM_VIEWER = {"Origin": VIEWER}
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-request-id",
}


@pytest.fixture(scope="module")
def open_to_viewer(tiny_store: Path) -> Iterator[Running]:
    with running(tiny_store, cors_origins=(VIEWER, "http://localhost:3000")) as server:
        yield server


def assert_readable(answer: httpx.Response, origin: str = VIEWER) -> None:
    """A browser lets the page read the answer, and its headers."""
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == {"X-Request-ID", "Retry-After", "Server-Timing"}
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "X-Request-ID" in answer.headers


def test_by_default_no_page_of_another_origin_is_let_in(client: httpx.Client) -> None:
    """A preflight is answered as ever, and an answer says nothing of origins."""
    preflight = client.options("/predict", headers=FROM_VIEWER | PREFLIGHT)
    answer = client.post("/predict", content=encode(film_pixels(0)), headers=FROM_VIEWER)
    assert_problem(preflight, "method-not-allowed", 405)
    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("access-control-")]


def test_a_preflight_is_answered_logged_and_counted_apart(tiny_store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With an id, and never as a film that was read."""
    with caplog.at_level("INFO", "pneumoserve"), running(tiny_store, cors_origins=(VIEWER,)) as server:
        answer = server.client.options("/predict", headers=FROM_VIEWER | PREFLIGHT)
        metrics = server.client.get("/metrics").text
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == VIEWER
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"content-type", "x-request-id"} <= set(allowed.split(","))
    lines = [record.fields for record in caplog.records if record.message == "request"]  # type: ignore[attr-defined]
    (logged,) = [line for line in lines if line["method"] == "OPTIONS"]
    assert (logged["method"], logged["path"], logged["outcome"]) == ("OPTIONS", "/predict", "preflight")
    assert logged["request_id"] == answer.headers["X-Request-ID"]
    assert 'outcome="preflight"' in metrics
    assert 'outcome="ok"' not in metrics


def test_answers_and_problems_can_be_read(open_to_viewer: Running) -> None:
    """Of a film, of none, of no address, and of another method."""
    client = open_to_viewer.client
    film = client.post("/predict", content=encode(film_pixels(0)), headers=FROM_VIEWER)
    assert film.status_code == 200
    assert_readable(film)
    assert_readable(client.get("/model", headers={"Origin": "http://localhost:3000"}), "http://localhost:3000")
    for problem, slug, status in (
        (client.post("/predict", content=b"GIF89a", headers=FROM_VIEWER), "unsupported-format", 415),
        (client.get("/absent", headers=FROM_VIEWER), "not-found", 404),
        (client.put("/predict", headers=FROM_VIEWER), "method-not-allowed", 405),
        (client.options("/predict", headers=FROM_VIEWER), "method-not-allowed", 405),
    ):
        assert_problem(problem, slug, status)
        assert_readable(problem)


def test_a_refusal_and_a_failure_of_ours_can_be_read(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Retry-After, and with the id under which the log tells more."""

    def fail(*_arguments: object) -> None:
        raise KeyError("unforeseen")

    with running(tiny_store, cors_origins=(VIEWER,)) as server:
        server.service.admission.in_flight = server.service.settings.max_in_flight
        overloaded = server.client.post("/predict", content=encode(film_pixels(0)), headers=FROM_VIEWER)
        server.service.admission.in_flight = 0
        monkeypatch.setattr(predict, "read_query", fail)
        failed = server.client.post("/predict", content=encode(film_pixels(0)), headers=FROM_VIEWER)
    assert_problem(overloaded, "overloaded", 429)
    assert int(overloaded.headers["Retry-After"]) >= 1
    assert_problem(failed, "internal-error", 500)
    for answer in (overloaded, failed):
        assert_readable(answer)


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "https://viewer.example.org.evil.org", "null", VIEWER + ":8443"]
)
def test_another_origin_cannot_read(open_to_viewer: Running, origin: str) -> None:
    """It is logged of none that can; and caches keep the answers apart."""
    answer = open_to_viewer.client.get("/model", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    preflight = open_to_viewer.client.options("/predict", headers=PREFLIGHT | {"Origin": origin})
    assert preflight.status_code == 400
    assert "Access-Control-Allow-Origin" not in preflight.headers


def test_a_star_lets_every_page_read(tiny_store: Path) -> None:
    """Without what a browser knows of its user."""
    with running(tiny_store, cors_origins=("*",)) as server:
        answer = server.client.get("/model", headers=FROM_VIEWER)
        preflight = server.client.options("/predict", headers=FROM_VIEWER | PREFLIGHT)
    assert_readable(answer, "*")
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, "*")
