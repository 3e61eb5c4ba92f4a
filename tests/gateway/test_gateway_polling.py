"""What is read of an Orthanc, one of whose instances cannot be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import Failed, Unavailable
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
    """A server with three new films, some of whose paths answer with 500."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.asked: list[str] = []
        stand_in = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - named by http.server
                stand_in.asked.append(self.path)
                self.reply(500 if self.path in stand_in.broken else 200, stand_in.body(self.path))

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


@pytest.mark.parametrize("path", ["/instances/b/file", "/instances/b/metadata/SopClassUid"])
def test_an_instance_that_stays_broken_is_skipped_and_its_neighbours_are_taken(
    tmp_path: Path, server: OrthancStandIn, path: str
) -> None:
    """After as many errors as a film may have; the count of those skipped says so."""
    server.broken = {path}
    with polling(tmp_path, server, max_errors=3) as (poller, outbox):
        for _ in range(2):
            with pytest.raises(Failed):
                poller.read_changes()
        assert known(outbox) == [1]
        assert poller.read_changes()
        assert known(outbox) == [1, 3]
        assert poller.skipped == 1


def test_a_neighbour_of_a_broken_instance_is_taken_once(tmp_path: Path, server: OrthancStandIn) -> None:
    """Also when its results have been delivered meanwhile."""
    server.broken = {"/instances/b/file"}
    with polling(tmp_path, server) as (poller, outbox):
        for _ in range(3):
            with pytest.raises(Failed):
                poller.read_changes()
            if entry := outbox.next_due("received"):
                outbox.write(entry.id, [Result("report", "1", "2", b"x")])
                outbox.acknowledge(entry.id, "report")
        assert server.asked.count("/instances/a/file") == 1
        assert outbox.counts()["delivered"] == 1


def test_an_instance_that_is_mended_in_time_is_taken(tmp_path: Path, server: OrthancStandIn) -> None:
    """The errors of one do not count for the next."""
    with polling(tmp_path, server, max_errors=2) as (poller, outbox):
        for path in ("/instances/a/file", "/instances/b/file", "/instances/c/file"):
            server.broken = {path}
            with pytest.raises(Failed):
                poller.read_changes()
        server.broken = set()
        poller.read_changes()
        assert known(outbox) == [1, 2, 3]
        assert poller.skipped == 0


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
