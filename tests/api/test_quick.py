"""The short way to an answer: it must be the route's own answer, and everything unusual must end up at the route."""

from __future__ import annotations

import gc
import re
import socket
import time
from contextlib import suppress
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from app.api.quick import Quick, QuickRequest
from tests.conftest import encode, film_pixels
from tests.running import Running, film_request, running, small_but_slow, wait_until

FILM = encode(film_pixels(1, 300, 300))
BOUNDARY = b"a-boundary"


def form(film: bytes, *, is_whole: bool = True) -> bytes:
    """Write a form with a film."""
    head = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="a/b.jpeg"\r\n\r\n' % BOUNDARY
    return head + film + (b"\r\n--%b--\r\n" % BOUNDARY if is_whole else b"")


def exchange(server: Running, *pieces: bytes, pause: float = 0.02) -> bytes:
    """Send pieces, a moment between them, and a last request after which the server hangs up; answer all it said."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        with suppress(ConnectionError):  # it may have hung up before
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Collect whether each request that was looked at was taken."""
    looks: list[bool] = []
    begin = Quick.begin

    def look(self: Quick, *given: object) -> QuickRequest | None:
        quick = begin(self, *given)  # type: ignore[arg-type]
        looks.append(quick is not None)
        return quick

    monkeypatch.setattr(Quick, "begin", look)
    return looks


CASES = {
    "a film": (FILM, {}, ""),
    "with a map": (FILM, {}, "?activation_maps=cam"),
    "a form": (form(FILM), {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}, ""),
    "half a form": (form(FILM, is_whole=False), {"Content-Type": "multipart/form-data; boundary=a-boundary"}, ""),
    "a cut film": (FILM[:-500], {}, ""),
    "no film": (b"no film", {}, ""),
    "a small film": (encode(np.zeros((20, 20), np.uint8)), {}, ""),
    "a colour film": (encode(cv2.applyColorMap(film_pixels(1, 300, 300), cv2.COLORMAP_JET)), {}, ""),
    "an unknown parameter": (FILM, {}, "?maps=cam"),
    "an unknown point": (FILM, {}, "?operating_point=none"),
    "its own id": (FILM, {"X-Request-ID": "mine-1"}, ""),
    "a bad id": (FILM, {"X-Request-ID": "mine 1"}, ""),
    "an empty body": (b"", {}, ""),
    "compressed": (FILM, {"Content-Encoding": "gzip"}, ""),
}


def comparable(response: httpx.Response) -> tuple[int, set[str], object]:
    """Leave out what differs from one request to the next."""
    told = response.json()
    request_id = response.headers["x-request-id"]
    told.pop("request_id", None)
    headers = set(response.headers) - {"connection", "date"}
    return response.status_code, headers, (told, request_id if request_id.startswith("mine") else len(request_id))


def test_both_ways_answer_alike(tiny_store: Path, taken: list[bool]) -> None:
    """Status, names of the headers, and body; whatever was sent."""
    with running(tiny_store) as server:
        for name, (body, headers, query) in CASES.items():
            del taken[:]
            short = server.client.post(f"/predict{query}", content=body, headers=headers)
            was_taken = list(taken)
            # An answer to a connection that is to be closed is left to the route.
            long = server.client.post(f"/predict{query}", content=body, headers={**headers, "Connection": "close"})
            assert taken == [*was_taken, False], name
            assert was_taken == [name not in ("compressed", "an empty body") and not name.startswith("an unknown")]
            assert comparable(short) == comparable(long), name


@pytest.mark.parametrize(
    "header",
    [
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
        "Upgrade: h2c",
        "Connection: close",
        "Content-Length: 10",
        "Folded: a\r\n b",
        "Long: " + 70_000 * "a",
        "Not ASCII: \u00e9",
        "Spaced : a",
    ],
)
def test_an_unusual_head_is_left_to_the_parser(tiny_store: Path, taken: list[bool], header: str) -> None:
    """Which knows what they mean, or refuses them."""
    with running(tiny_store) as server:
        del taken[:]
        exchange(server, film_request(FILM, header))
    assert not any(taken)


@pytest.mark.parametrize("cuts", [[200], [400, 2000], list(range(150, 4000, 500))])
def test_a_body_may_come_in_pieces(tiny_store: Path, taken: list[bool], cuts: list[int]) -> None:
    """Wherever they end, after the head."""
    sent = film_request(FILM)
    assert sent.index(b"\r\n\r\n") < cuts[0]
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    with running(tiny_store) as server:
        del taken[:]
        answer = exchange(server, *pieces, pause=0.005)
    assert answer.startswith(b"HTTP/1.1 200")
    assert taken == [True, False]  # the film, and the last request of `exchange`


def test_many_requests_at_once_are_answered_in_their_order(tiny_store: Path) -> None:
    """In one packet or in several, with maps and without, one of a film that was cut."""
    queries, cut = ["", "?activation_maps=all", "", "?activation_maps=cam", "", ""], 4
    sent = b"".join(
        film_request(FILM[: -500 if number == cut else None], f"X-Request-ID: n{number}", target=f"/predict{query}")
        for number, query in enumerate(queries)
    )
    with running(tiny_store) as server:
        for pieces in ([sent], [sent[:3000], sent[3000:]], [sent[: len(FILM) + 50], sent[len(FILM) + 50 :]]):
            answers = exchange(server, *pieces)
            assert re.findall(rb"x-request-id: (n\d)", answers) == [b"n%d" % number for number in range(6)]
            assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [*[b"200"] * 4, b"422", b"200", b"200"]


def test_a_slow_body_is_given_to_the_route_and_its_time_still_counts(tiny_store: Path) -> None:
    """It is refused after the time that a body may take from its head on, and nothing stays held."""
    with running(tiny_store, body_timeout_seconds=1.4) as server:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            slow.settimeout(10)
            slow.sendall(film_request(FILM)[:400])
            answer = slow.recv(65536)
            took = time.monotonic() - begun
        assert answer.startswith(b"HTTP/1.1 408")
        assert 1.3 < took < 2.2
        admission = server.service.admission
        wait_until(lambda: (admission.reading, admission.bytes_held, admission.in_flight) == (0, 0, 0))


def test_a_slow_body_that_comes_is_answered(tiny_store: Path) -> None:
    """After the short way has given it up."""
    sent = film_request(FILM)
    with running(tiny_store) as server:
        answer = exchange(server, sent[:400], sent[400:], pause=1.2)
    assert answer.startswith(b"HTTP/1.1 200")


def test_who_hangs_up_within_a_body_leaves_nothing_behind(tiny_store: Path) -> None:
    """And is counted as gone."""
    with running(tiny_store) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as left:
            left.sendall(film_request(FILM)[:400])
            wait_until(lambda: server.service.admission.reading == 1)
            assert server.service.admission.bytes_held > 0
        admission = server.service.admission
        wait_until(lambda: (admission.reading, admission.bytes_held) == (0, 0))
        assert b'pneumoserve_requests_total{outcome="client-gone"} 1.0' in server.service.metrics.expose()


def test_a_film_in_work_is_held_once(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not its body and the packet, with the head, that the body came in."""
    held: list[int] = []
    with running(tiny_store) as server:
        reader = server.service.ready()
        read = type(reader).read

        def look(self: object, data: bytes, **asked: object) -> object:
            time.sleep(0.05)  # the event loop may not have let go of them yet
            requests = [one for one in gc.get_objects() if isinstance(one, QuickRequest)]
            held.append(sum(len(one._head) + sum(map(len, one._pieces)) for one in requests))
            return read(self, data, **asked)  # type: ignore[arg-type]

        monkeypatch.setattr(type(reader), "read", look)
        assert server.client.post("/predict", content=FILM).status_code == 200
    assert held == [0]


def test_nothing_is_held_after_an_answer_and_all_is_counted(tiny_store: Path) -> None:
    """Of films that were read and of films that were refused."""
    with running(tiny_store) as server:
        for body in (FILM, FILM[:-500], FILM):
            server.client.post("/predict", content=body)
        admission = server.service.admission
        assert (admission.reading, admission.bytes_held, admission.in_flight) == (0, 0, 0)
        told = server.service.metrics.expose()
    assert b'pneumoserve_requests_total{outcome="ok"} 2.0' in told
    assert b'pneumoserve_requests_total{outcome="undecodable-image"} 1.0' in told
    assert b"pneumoserve_probability_count 2.0" in told


def test_our_own_failure_is_told_without_its_words(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the service goes on."""
    with running(tiny_store) as server:
        reader = server.service.ready()

        def fail(*_given: object, **_named: object) -> None:
            raise ValueError("patient's name")

        with monkeypatch.context() as broken:
            broken.setattr(type(reader), "read", fail)
            failed = server.client.post("/predict", content=FILM)
        assert (failed.status_code, failed.json()["type"]) == (500, "/problems/internal-error")
        assert "patient" not in failed.text
        assert server.client.post("/predict", content=FILM).status_code == 200


def test_a_film_in_work_is_answered_while_the_server_ends(tiny_store: Path) -> None:
    """And its connection closes behind it."""
    slow = small_but_slow()
    with socket.socket() as connection:
        with running(tiny_store) as server:
            connection.settimeout(10)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(film_request(slow))
            wait_until(lambda: server.service.admission.in_flight == 1)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer


def test_the_event_loop_does_not_rest_while_the_route_reads_a_body(tiny_store: Path) -> None:
    """Each of its pieces would wait for a rest; a body that the short way reads needs a turn of the loop for many."""
    chunked = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with running(tiny_store) as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        scheduler = server.service.scheduler
        assert scheduler._awake == 0
        connection.sendall(chunked + b"5\r\nhello\r\n")
        wait_until(lambda: scheduler._awake == 1)
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 415")
        assert scheduler._awake == 0
