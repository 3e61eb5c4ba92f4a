"""The open-loop load generator sends when a film is due, and notes what came."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks.flood import Flood
from benchmarks.overload import Row, trickling

REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def answering(respond: Callable[[int], bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Send `respond(n)` once the head of the nth connection came; yield the port and the bytes received."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65536))
                    connection.sendall(respond(len(received)))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_films_are_sent_at_the_rate_whatever_is_answered() -> None:
    with answering(lambda _: REFUSED % 7) as (port, received):
        report = Flood(port, [b"film"]).run(rate=100, seconds=0.2)
    assert len(received) == len(report.answers) == 20
    assert {(status, retry, tries, size) for _, status, _, retry, _, tries, size in report.answers} == {(429, 7, 1, 4)}


@pytest.mark.parametrize("obeys", [False, True])
def test_a_refused_film_comes_again_where_clients_obey(obeys: bool) -> None:
    with answering(lambda turn: REFUSED % 0 if turn == 1 else OK) as (port, _):
        report = Flood(port, [b"film"], obeys=obeys).run(rate=100, seconds=0.01)
    assert [(answer[1], answer[5]) for answer in report.answers] == [(429, 1), (200, 2)][: 1 + obeys]


def test_no_answer_is_status_0() -> None:
    with answering(lambda _: b"") as (port, _):
        report = Flood(port, [b"film"]).run(rate=100, seconds=0.01)
    assert [answer[1] for answer in report.answers] == [0]


def test_a_missed_promise_is_marked() -> None:
    assert str(Row("good", "0.5", "≥ 0.9", False)) == "| good | 0.5 | ≥ 0.9 | **missed** |"
    assert str(Row("good", "0.5")) == "| good | 0.5 |  |  |"


@pytest.mark.long
def test_slow_senders_send_a_byte_a_second() -> None:
    """Of a body, and of a head, in turns."""
    with socket.create_server(("127.0.0.1", 0)) as listener, trickling(listener.getsockname()[1], 2):
        connections = [listener.accept()[0] for _ in range(2)]
        time.sleep(2.5)
        received = [connection.recv(65536) for connection in connections]
        for connection in connections:
            connection.close()
    assert sorted(text.rpartition(b"\r\n")[2].lstrip(b"X: ") for text in received) in ([b"xx", b"xx"], [b"xxx", b"xxx"])
