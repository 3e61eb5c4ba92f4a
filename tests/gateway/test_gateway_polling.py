"""What is read of an Orthanc, one of whose instances cannot be read."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.film import read_film
from gateway.orthanc import Orthanc
from gateway.outbox import Outbox
from gateway.polling import Poller
from gateway.results import Result
from gateway.settings import GatewaySettings
from tests.gateway.dicom_films import ROOT, dicom_film
from tests.local_server import LocalServer, QuietHandler

FILMS = {"a": dicom_film(1), "b": dicom_film(2), "c": dicom_film(3)}
CLASS = read_film(FILMS["a"]).sop_class


class OrthancStandIn:
    """A server with three new films, some of whose paths answer with errors."""

    def __init__(self) -> None:
        self.broken: dict[str, int] = {}
        self.asked: list[str] = []
        stand_in = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - named by http.server
                stand_in.asked.append(self.path)
                self.reply(stand_in.broken.get(self.path, 200), stand_in.body(self.path))

        self._server = LocalServer(Handler)
        self.url, self.stop = self._server.url, self._server.stop

    def body(self, path: str) -> bytes:
        if path == "/changes?last":
            return json.dumps({"Last": len(FILMS)}).encode()
        if path.startswith("/changes"):
            since = int(path.partition("since=")[2].partition("&")[0])
            every = [{"Seq": number, "ID": name, "ChangeType": "NewInstance"} for number, name in enumerate(FILMS, 1)]
            return json.dumps({"Changes": every[since:], "Last": len(every), "Done": True}).encode()
        return FILMS[path.split("/")[2]] if path.endswith("/file") else CLASS.encode()


@pytest.fixture
def server() -> Iterator[OrthancStandIn]:
    running = OrthancStandIn()
    yield running
    running.stop()


@contextmanager
def polling(folder: Path, server: OrthancStandIn, **settings: object) -> Iterator[tuple[Poller, Outbox]]:
    chosen = GatewaySettings(folder=folder, orthanc=server.url, orthanc_since="start", **settings)  # type: ignore[arg-type]
    outbox, orthanc = Outbox(folder), Orthanc(server.url)
    try:
        yield Poller(chosen, orthanc, outbox, lambda: None), outbox
    finally:
        orthanc.close()
        outbox.close()


def known(outbox: Outbox) -> list[int]:
    return [number for number in (1, 2, 3) if outbox.find(f"{ROOT}.1.{number}")]


def poll(poller: Poller, times: int = 1) -> None:
    """Poll until all changes are read, and try so many times what was put aside."""
    while not poller.read_changes():
        pass
    for _ in range(times):
        poller.read_announced()


def make_due(outbox: Outbox) -> None:
    for entry in outbox.in_state("announced"):
        outbox.postpone(entry.id, str(entry.reason), 0, is_error=False)


@pytest.mark.parametrize("path", ["/instances/b/file", "/instances/b/metadata/SopClassUid"])
@pytest.mark.parametrize("status", [500, 503])
def test_an_instance_that_orthanc_does_not_give_holds_up_no_other(
    tmp_path: Path, server: OrthancStandIn, path: str, status: int
) -> None:
    """It is announced with its reason until Orthanc gives it."""
    server.broken = {path: status}
    with polling(tmp_path, server) as (poller, outbox):
        poll(poller)
        assert known(outbox) == [1, 3]
        assert [entry.reason for entry in outbox.in_state("announced")] == [
            f"The server answered with status {status}."
        ]
        server.broken = {}
        make_due(outbox)
        poll(poller)
        assert known(outbox) == [1, 2, 3]
        assert outbox.counts()["announced"] == 0


@pytest.mark.parametrize(("status", "settings"), [(500, {"max_errors": 3}), (503, {"give_up_hours": 1e-9})], ids=str)
def test_an_instance_that_stays_broken_has_failed_and_may_be_retried(
    tmp_path: Path, server: OrthancStandIn, status: int, settings: dict[str, float]
) -> None:
    """After as many errors, or as long, as a film may have; it is asked for no more until then."""
    server.broken = {"/instances/b/file": status}
    with polling(tmp_path, server, **settings) as (poller, outbox):
        for _ in range(5):
            make_due(outbox)
            poll(poller)
        assert server.asked.count("/instances/b/file") == (3 if status == 500 else 1)
        assert outbox.counts()["failed"] == 1
        server.broken = {}
        assert outbox.retry() == 1
        poll(poller)
        assert known(outbox) == [1, 2, 3]
        assert sum(outbox.counts().values()) == outbox.counts()["received"] == 3


def test_an_orthanc_that_answers_nothing_is_asked_again(tmp_path: Path, server: OrthancStandIn) -> None:
    """No instance is put aside for that."""
    server.broken = {"/changes?last": 503}
    with polling(tmp_path, server) as (poller, outbox):
        with pytest.raises(Unavailable):
            poller.read_changes()
        assert sum(outbox.counts().values()) == 0
        server.broken = {}
        poll(poller)
        assert known(outbox) == [1, 2, 3]


def test_a_neighbour_of_a_broken_instance_is_taken_once(tmp_path: Path, server: OrthancStandIn) -> None:
    """Also when its results have been delivered meanwhile."""
    server.broken = {"/instances/b/file": 500}
    with polling(tmp_path, server) as (poller, outbox):
        for _ in range(3):
            poll(poller)
            if entry := outbox.next_due("received"):
                outbox.write(entry.id, [Result("report", "1", "2", b"x")])
                outbox.acknowledge(entry.id, "report")
        assert server.asked.count("/instances/a/file") == 1
        assert outbox.counts()["delivered"] == 2


def test_an_instance_over_the_limit_is_ignored(tmp_path: Path, server: OrthancStandIn) -> None:
    with polling(tmp_path, server, max_film_bytes=len(FILMS["a"]) - 1) as (poller, outbox):
        assert poller.read_changes()
        assert (poller.ignored, sum(outbox.counts().values())) == (3, 0)


def test_no_film_is_read_onto_a_disk_that_is_nearly_full(tmp_path: Path, server: OrthancStandIn) -> None:
    """It is read once there is room again."""
    with polling(tmp_path, server, min_free_bytes=2**60) as (poller, outbox):
        with pytest.raises(Unavailable, match="nearly full"):
            poller.read_changes()
        assert "/instances/a/file" not in server.asked
    with polling(tmp_path, server, min_free_bytes=0) as (poller, outbox):
        poller.read_changes()
        assert known(outbox) == [1, 2, 3]


def test_a_connection_that_orthanc_closed_meanwhile_is_no_failure() -> None:
    """Its answer to the first request keeps the connection; the second one finds it closed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for is_last in (False, True):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"Last": 7}')
                    if not is_last:
                        connection.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        orthanc = Orthanc(f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert [orthanc.last_change(), orthanc.last_change()] == [7, 7]
        orthanc.close()
        thread.join(10)
