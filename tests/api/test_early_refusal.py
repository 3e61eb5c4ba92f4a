from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from app.discard import DISCARD_BYTES
from app.keys import make_key, read_keys
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

FILM = encode(film_pixels(3))
SMALL_LIMIT = 3


@contextmanager
def full(store: Path, **settings: object) -> Iterator[Running]:
    """Run a service that has as many films in flight as it takes."""
    with running(store, max_in_flight=SMALL_LIMIT, **settings) as server:
        server.service.admission.in_flight = SMALL_LIMIT
        try:
            yield server
        finally:
            server.service.admission.in_flight = 0


def ask(server: Running, *headers: str, target: str = "/predict", length: int = len(FILM), body: bytes = b"") -> bytes:
    """Send a head and this of its body; return all that comes until the connection ends."""
    head = [f"POST {target} HTTP/1.1", "Host: x", *headers, f"Content-Length: {length}"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(65536)
        return answer


def fields(answer: bytes) -> tuple[set[bytes], dict[str, object]]:
    """Return status line and header lines without id and time, and the problem without id."""
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
    del problem["request_id"]
    lines = {line for line in head.split(b"\r\n") if not line.startswith(b"x-request-id")}
    # One second may begin between two answers.
    return {b"date" if line.startswith(b"date: ") else line for line in lines}, problem


@pytest.mark.parametrize(
    "target",
    [
        "/predict",
        "/explain",
        "/predict?activation_maps=cam",
        "/xray/predict",
        "/v2/models/pooled/infer",
        "/xray/v2/models/pooled/versions/1/infer",
    ],
)
def test_a_full_service_refuses_a_film_by_its_head(tiny_store: Path, target: str) -> None:
    """None of the body is sent; status, headers and problem are those of the way through ASGI."""
    with full(tiny_store, root_path="/xray") as server:
        early = ask(server, target=target)
        # A head that asks for h11 takes the other way.
        late = ask(server, "Expect: 100-continue", target=target)
    assert early.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert fields(early) == fields(late.replace(b"HTTP/1.1 429 \r\n", b"HTTP/1.1 429 Too Many Requests\r\n"))


def test_a_client_that_sends_its_whole_body_first_sees_the_answer(tiny_store: Path) -> None:
    """Up to 8 MB are thrown away."""
    body = bytes(DISCARD_BYTES - 1000)
    with full(tiny_store) as server:
        # The first request of a connection, and a later one: other code refuses it.
        assert b" 429 " in ask(server, length=len(body), body=body)
        assert server.client.post("/predict", content=body).status_code == 429
        assert b" 429 " in ask(server, body=FILM)


def test_what_stands_behind_a_refused_film_is_not_answered(tiny_store: Path) -> None:
    """Nor what stands in it: the connection closes, whether all of the body came or none."""
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(request)
    with full(tiny_store) as server:
        for pieces in ([head + request + request], [head, request, request], [request + head + request + request]):
            received = b""
            with (
                socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
                suppress(ConnectionError),
            ):
                for piece in pieces:
                    connection.sendall(piece)
                while piece := connection.recv(65536):
                    received += piece
            assert received.count(b"HTTP/1.1 ") == 1 + pieces[0].startswith(request)
            assert received.count(b"HTTP/1.1 429 ") == 1


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/v2/models/other/infer", [], 404),
        ("/v2/models/pooled/versions/2/infer", [], 404),
        ("/v2/models/pooled/infer?x=1", [], 422),
        ("/v2/models/pooled/infer", ["Content-Encoding: br"], 415),
    ],
)
def test_what_would_fail_in_any_case_is_told_so(tiny_store: Path, target: str, headers: list[str], status: int) -> None:
    """Waiting would not help."""
    with full(tiny_store) as server:
        assert f" {status} ".encode() in ask(server, *headers, target=target)


def test_a_callers_own_id_comes_back(tiny_store: Path) -> None:
    with full(tiny_store) as server:
        answer = ask(server, "X-Request-ID: mine-7")
        assert b"\r\nx-request-id: mine-7\r\n" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["request_id"] == "mine-7"
        assert ask(server, "X-Request-ID: a b") != ask(server, "X-Request-ID: a b")


def test_a_wrong_key_is_refused_before(tiny_store: Path) -> None:
    """With 401; a right one is told that the service is full."""
    key, pair = make_key("ward")
    with full(tiny_store, api_keys=read_keys(pair)) as server:
        assert b" 401 " in ask(server)
        assert b" 401 " in ask(server, "X-API-Key: wrong")
        assert b" 401 " in ask(server, f"X-API-Key: {key}", f"X-API-Key: {key}")
        assert b" 429 " in ask(server, f"X-API-Key: {key}")


def test_a_page_of_another_origin_may_read_the_answer(tiny_store: Path) -> None:
    origin = "https://viewer.example.org"
    with full(tiny_store, cors_origins=(origin,)) as server:
        answer = ask(server, f"Origin: {origin}")
    assert b" 429 " in answer
    assert f"access-control-allow-origin: {origin}".encode() in answer


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/predict", "/predict"),
        pytest.param("/xray/explain?level=0.5", "/explain", marks=pytest.mark.long),
        pytest.param("/v2/models/pooled/infer", "/v2/models/infer", marks=pytest.mark.long),
        ("/xray/v2/models/pooled/versions/1/infer", "/v2/models/infer"),
    ],
)
def test_refusals_are_counted_one_by_one_and_logged_together(
    tiny_store: Path, caplog: pytest.LogCaptureFixture, target: str, path: str
) -> None:
    """So that overload does not fill the log. Other refusals have a line each."""
    with full(tiny_store, root_path="/xray") as server, caplog.at_level(logging.INFO, "pneumoserve"):
        for _ in range(5):
            ask(server, target=target)
        assert 'pneumoserve_requests_total{outcome="overloaded"} 5.0' in server.client.get("/metrics").text
        wait_until(lambda: any(record.message == "refused" for record in caplog.records))
    logged = [record.fields for record in caplog.records if record.message == "refused"]
    expected = {"method": "POST", "path": path, "status": 429, "outcome": "overloaded"}
    assert sum(line.pop("count") for line in logged) == 5
    assert all(line == expected for line in logged)


def test_what_sends_no_film_is_answered(tiny_store: Path) -> None:
    with full(tiny_store) as server:
        assert server.client.get("/health").status_code == 200
        assert server.client.post("/health").status_code == 405
        assert server.client.get("/predict").status_code == 405


def test_the_connection_serves_films_again_when_there_is_room(tiny_store: Path) -> None:
    with full(tiny_store) as server:
        assert server.client.post("/predict", content=FILM).status_code == 429
        server.service.admission.in_flight = 0
        assert server.client.post("/predict", content=FILM).status_code == 200
