"""The HTTP server, through real sockets."""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import h11
import pytest

from app.headers import MAX_HEAD_BYTES, CarefulConnection
from tests.api.test_admission import holding
from tests.conftest import encode, film_pixels
from tests.running import Running, film_request, running, small_but_slow, wait_until

ALL_MAPS = "/predict?activation_maps=all"
FILM = encode(film_pixels(1, 300, 300))
LAST = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def exchange(server: Running, *pieces: bytes, pause: float = 0.02) -> bytes:
    """Send pieces, then a request that closes; return all that was received."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10)
        with suppress(ConnectionError):  # it may be closed already
            for piece in (*pieces, LAST):
                connection.sendall(piece)
                time.sleep(pause)
        received = b""
        with suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
        return received


def receive_alive(kept: socket.socket) -> bytes:
    """Receive the whole answer of /livez, which may come in pieces."""
    received = b""
    while not received.endswith(b'{"status":"ok"}'):
        piece = kept.recv(65536)
        assert piece, "the connection closed within the answer"
        received += piece
    return received


@pytest.mark.parametrize("sent", [b"", b"POST /predict HTTP/1.1\r\nHost:"])
def test_who_sends_no_whole_header_is_hung_up_on(tiny_store: Path, sent: bytes) -> None:
    """After the time that a body may take."""
    with running(tiny_store, body_timeout_seconds=0.4) as server:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            silent.sendall(sent)
            silent.settimeout(10)
            assert silent.recv(1000) == b""
    assert time.monotonic() - begun > 0.3


def test_half_a_second_header_is_hung_up_on_too(tiny_store: Path) -> None:
    """On a connection kept open."""
    with (
        running(tiny_store, body_timeout_seconds=0.4) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        kept.settimeout(10)
        kept.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert receive_alive(kept).startswith(b"HTTP/1.1 200")
        kept.sendall(b"GET /livez HTTP/1.1\r\nHo")
        assert kept.recv(1000) == b""


def test_an_answer_may_take_longer_than_a_header(tiny_store: Path) -> None:
    with holding(tiny_store, body_timeout_seconds=0.4) as (server, engine), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.client.post, "/predict", content=FILM)
        wait_until(lambda: engine.films == 1)
        time.sleep(1)
        engine.go.set()
        assert answer.result().status_code == 200


def send_without_end(kept: socket.socket) -> None:
    """Send 64 MB, slowly enough to be answered meanwhile."""
    for _ in range(1000):
        kept.sendall(b"x" * 65536)
        time.sleep(0.001)


@pytest.mark.parametrize("is_behind_the_film", [True, False], ids=["behind the film", "in a packet of its own"])
def test_answers_come_in_the_order_of_their_requests(server: Running, is_behind_the_film: bool) -> None:
    """Also where the next request comes in pieces."""
    film = film_request(small_but_slow(), target=ALL_MAPS)
    begun, ended = b"GET /livez HT", b"TP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        for part in (film + begun, ended) if is_behind_the_film else (film, begun, ended):
            kept.sendall(part)
            time.sleep(0.03)
        answers = b"".join(iter(lambda: kept.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.index(b'"probability"') < answers.rindex(b"HTTP/1.1 200")


def test_an_endless_header_behind_an_open_request_is_hung_up_on(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        kept.sendall(film_request(small_but_slow(), target=ALL_MAPS))
        time.sleep(0.02)
        kept.sendall(b"GET /livez HTTP/1.1\r\nX: ")
        with pytest.raises(ConnectionError):
            send_without_end(kept)


@pytest.mark.parametrize("first", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_an_offer_of_http_2_is_declined_and_the_film_read(server: Running, first: bytes) -> None:
    """Java's client offers it."""
    offer = "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB"
    with socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        if first:
            kept.sendall(first)
            assert receive_alive(kept).startswith(b"HTTP/1.1 200")
        kept.sendall(film_request(encode(film_pixels(1, 300, 300)), *offer, target=ALL_MAPS))
        answer = b"".join(iter(lambda: kept.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"probability"' in answer


@pytest.mark.parametrize("cuts", [[200], [400, 2000], list(range(20, 4000, 500))])
def test_a_request_may_come_in_pieces(server: Running, cuts: list[int]) -> None:
    sent = film_request(FILM)
    pieces = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    answers = exchange(server, *pieces, pause=0.005)
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"200"]
    assert answers.count(b'"probability"') == 1


def test_pipelined_requests_are_answered_in_their_order(server: Running) -> None:
    queries, cut = ["", "?activation_maps=all", "", "?activation_maps=cam", "", ""], 4
    sent = b"".join(
        film_request(FILM[: -500 if number == cut else None], f"X-Request-ID: n{number}", target=f"/predict{query}")
        for number, query in enumerate(queries)
    )
    for pieces in ([sent], [sent[:3000], sent[3000:]], [sent[: len(FILM) + 50], sent[len(FILM) + 50 :]]):
        answers = exchange(server, *pieces)
        assert re.findall(rb"x-request-id: (n\d)", answers) == [b"n%d" % number for number in range(6)]
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [*[b"200"] * 4, b"422", b"200", b"200"]


def test_a_client_gone_within_a_body_leaves_nothing_behind(tiny_store: Path) -> None:
    """It is counted as gone."""
    with running(tiny_store) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as left:
            left.sendall(film_request(FILM)[:400])
            wait_until(lambda: server.service.admission.bytes_held > 0)
        admission = server.service.admission
        wait_until(lambda: (admission.reading, admission.bytes_held) == (0, 0))
        wait_until(lambda: b'pneumoserve_requests_total{outcome="client-gone"} 1.0' in server.service.metrics.expose())


def test_nothing_is_held_after_an_answer_and_all_is_counted(tiny_store: Path) -> None:
    with running(tiny_store) as server:
        for body in (FILM, FILM[:-500], FILM):
            server.client.post("/predict", content=body)
        admission = server.service.admission
        assert (admission.reading, admission.bytes_held, admission.in_flight) == (0, 0, 0)
        counted = server.service.metrics.expose()
    assert b'pneumoserve_requests_total{outcome="ok"} 2.0' in counted
    assert b'pneumoserve_requests_total{outcome="undecodable-image"} 1.0' in counted
    assert b"pneumoserve_probability_count 2.0" in counted


def test_a_film_in_work_is_answered_while_the_server_ends(tiny_store: Path) -> None:
    """Then its connection closes."""
    with socket.socket() as connection:
        with running(tiny_store) as server:
            connection.settimeout(10)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(film_request(small_but_slow()))
            wait_until(lambda: server.service.admission.in_flight == 1)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")


def test_a_connection_without_a_request_ends_with_the_server(tiny_store: Path) -> None:
    """At once, not when the client goes."""
    with socket.socket() as silent:
        with running(tiny_store) as server:
            silent.settimeout(10)
            silent.connect(("127.0.0.1", server.port))
            # Accepted by the time that a later one is answered.
            assert server.client.get("/livez").status_code == 200
        assert silent.recv(1000) == b""


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server: Running) -> None:
    """As curl does."""
    head, film = film_request(FILM, "Expect: 100-continue").split(b"\r\n\r\n", 1)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(10)
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(film)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")


AMBIGUOUS = {
    "length and encoding": b"POST /predict HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a bare LF": b"GET /livez HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "nothing but bare LF": b"GET /livez HTTP/1.1\nHost: x\n\n",
    "a bare LF before the end": b"GET /livez HTTP/1.1\r\nHost: x\r\n\n",
    "a folded line": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n",
    "a space before the colon": b"GET /livez HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
}


@pytest.mark.parametrize("behind", [b"", film_request(FILM)], ids=["first", "behind another"])
@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_its_connection_closed(server: Running, sent: bytes, behind: bytes) -> None:
    """Else a proxy in front could let a second request be smuggled in."""
    for pieces in ([behind + sent], [behind + sent[:-3], sent[-3:]]):
        answers = exchange(server, *pieces)
        assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"400"][not behind :]


UNREAD = b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("sent", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_request_behind_a_body_that_nobody_read_is_refused_too(server: Running, sent: bytes) -> None:
    """A GET is answered before its body, which may come later, with the next request."""
    with socket.create_connection(("127.0.0.1", server.port)) as kept:
        kept.settimeout(10)
        kept.sendall(UNREAD)
        assert receive_alive(kept).startswith(b"HTTP/1.1 200")
        kept.sendall(b"hello" + sent)
        assert kept.recv(65536).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("rest", [b"hell", b"helloGET /livez HTT"], ids=["half its body", "half a header behind it"])
def test_who_stops_behind_an_answer_is_hung_up_on(tiny_store: Path, rest: bytes) -> None:
    """Within the rest of one request or the start of another."""
    with (
        running(tiny_store, body_timeout_seconds=0.4) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        kept.settimeout(10)
        kept.sendall(UNREAD)
        assert receive_alive(kept).startswith(b"HTTP/1.1 200")
        kept.sendall(rest)
        assert kept.recv(65536) == b""


def test_a_broken_chunk_behind_an_answer_closes_the_connection_alone(
    tiny_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without another answer or an error."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with (
        running(tiny_store, max_upload_bytes=10) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        kept.settimeout(10)
        kept.sendall(head + b"b\r\nhello world\r\n")
        assert kept.recv(65536).startswith(b"HTTP/1.1 413")
        kept.sendall(b"no length\r\n")
        assert kept.recv(65536) == b""
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_whole_header_over_its_limit_is_refused() -> None:
    connection = CarefulConnection(h11.SERVER, MAX_HEAD_BYTES)
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n"
    connection.receive_data(head % (b"a" * (MAX_HEAD_BYTES - len(head) + 3)))
    with pytest.raises(h11.RemoteProtocolError):
        connection.next_event()
    connection = CarefulConnection(h11.SERVER, MAX_HEAD_BYTES)
    connection.receive_data(head % (b"a" * (MAX_HEAD_BYTES - len(head) + 2)) + b"next" * MAX_HEAD_BYTES)
    assert isinstance(connection.next_event(), h11.Request)


def test_who_stops_within_a_body_behind_its_answer_is_hung_up_on(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the service failed before it read the body."""
    with (
        running(tiny_store, body_timeout_seconds=0.4) as server,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        monkeypatch.setattr(server.service, "predictor", object())
        kept.settimeout(10)
        kept.sendall(film_request(FILM)[:-9])
        received = b"".join(iter(lambda: kept.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 500")


def test_a_plain_request_is_answered_behind_one_that_is_not(tiny_store: Path) -> None:
    """Also in one packet."""
    plain, chunked = film_request(FILM, "X-Request-ID: n0"), b"Transfer-Encoding: chunked\r\nX-Request-ID: n1\r\n"
    chunked = b"POST /predict HTTP/1.1\r\nHost: x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (chunked, len(FILM), FILM)
    for sent, expected in (([plain, chunked, plain], [b"n0", b"n1", b"n0"]), ([chunked, plain], [b"n1", b"n0"])):
        with running(tiny_store) as server:
            for pieces in (sent, [b"".join(sent)]):
                answers = exchange(server, *pieces)
                assert re.findall(rb"x-request-id: (n\d)", answers) == expected
                assert set(re.findall(rb"HTTP/1.1 (\d+)", answers)) == {b"200"}


def test_an_old_client_is_answered_and_its_connection_closed(server: Running) -> None:
    """HTTP/1.0 keeps no connection open."""
    with socket.create_connection(("127.0.0.1", server.port)) as old:
        old.settimeout(10)
        old.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        answer = b"".join(iter(lambda: old.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'{"status":"ok"}')


def test_an_answer_to_head_is_a_header_alone(server: Running) -> None:
    answers = exchange(server, b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    first, second, body = answers.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 200")
    assert body == b'{"status":"ok"}'


@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_a_header_over_its_limit_is_refused(server: Running, pause: float) -> None:
    sent = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + bytes(70_000).replace(b"\0", b"a")
    answers = exchange(server, *[sent[start : start + 16_384] for start in range(0, len(sent), 16_384)], pause=pause)
    assert answers == b"" or answers.startswith(b"HTTP/1.1 400")
