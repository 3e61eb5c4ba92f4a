"""The outbox: states that survive, and what is left of a film."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from gateway.film import read_film
from gateway.listing import print_status
from gateway.outbox import Outbox
from gateway.outbox_files import DATABASE
from gateway.results import Result
from tests.gateway.dicom_films import ROOT, dicom_film

RESULTS = [Result("report", "1.2", "2.25.1", b"report of Drawn^Film"), Result("contour", "1.3", "2.25.2", b"contour")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "box"


def received(folder: Path, number: int = 1) -> tuple[Outbox, int]:
    outbox = Outbox(folder)
    outbox.receive(read_film(dicom_film(number)), now=1000.0)
    entry = outbox.next_due("received")
    assert entry is not None
    return outbox, entry.id


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_what_is_received_is_there_after_a_restart(folder: Path) -> None:
    """Without a close: as after kill -9."""
    _, entry = received(folder)
    assert Outbox(folder).film(entry) == dicom_film()


def test_nobody_else_may_read_the_folder(folder: Path) -> None:
    """Nor any file in it."""
    previous = os.umask(0)
    try:
        received(folder)
    finally:
        os.umask(previous)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()} == {
        path.name: "0o600" for path in folder.iterdir()
    }


def test_a_film_that_waits_is_taken_once(folder: Path) -> None:
    """Whoever sends it again."""
    outbox, _ = received(folder)
    outbox.receive(read_film(dicom_film()))
    assert outbox.counts()["received"] == 1


def test_a_film_that_comes_again_keeps_its_first_date(folder: Path) -> None:
    """Once it is delivered; so its results are the same."""
    outbox, entry = received(folder)
    first = outbox.next_due("received")
    outbox.write(entry, RESULTS[:1])
    outbox.acknowledge(entry, "report")
    assert {state for state, count in outbox.counts().items() if count} == {"delivered"}
    outbox.receive(read_film(dicom_film()), now=time.time())
    again = outbox.next_due("received")
    assert first is not None
    assert again is not None
    assert (again.id, again.moment) == (first.id, first.moment)


def test_each_result_waits_until_it_is_acknowledged(folder: Path) -> None:
    """And the film is delivered with the last."""
    outbox, entry = received(folder)
    outbox.write(entry, RESULTS)
    assert outbox.film(entry) == b""
    outbox.acknowledge(entry, "contour")
    assert outbox.results(entry) == RESULTS[:1]
    assert Outbox(folder).results(entry) == RESULTS[:1]
    outbox.acknowledge(entry, "report")
    assert outbox.counts()["delivered"] == 1


@pytest.mark.parametrize("change", [{"PatientName": "Other^Film"}, {"study": 9}], ids=str)
def test_a_film_that_comes_again_with_another_header_is_another_film(folder: Path, change: dict[str, object]) -> None:
    """Under the same UID and with the same pixels."""
    outbox, _ = received(folder)
    outbox.receive(read_film(dicom_film(**change)))  # type: ignore[arg-type]
    assert len(outbox.find(f"{ROOT}.1.1")) == outbox.counts()["received"] == 2


@pytest.mark.parametrize("end", ["delivered", "refused"])
def test_nothing_of_a_finished_film_is_left_on_the_disk(folder: Path, end: str) -> None:
    """Neither names, UIDs nor pixels, in no file of the folder; only that its UID can be asked for."""
    outbox, entry = received(folder)
    film = dicom_film()
    assert b"Drawn^Film" in bytes_on_disk(folder)
    if end == "refused":
        outbox.refuse(entry, "unsuitable-image")
    else:
        outbox.write(entry, RESULTS)
        for result in RESULTS:
            outbox.acknowledge(entry, result.kind)
    outbox.forget_log()
    left = bytes_on_disk(folder)
    for trace in (b"Drawn^Film", ROOT.encode(), b"2.25.1", film[2000:2064]):
        assert trace not in left, trace
    assert [found.state for found in outbox.find(f"{ROOT}.1.1")] == [end]
    assert outbox.find(f"{ROOT}.1.2") == []


def test_hashes_of_another_folder_are_other_hashes(tmp_path: Path) -> None:
    """Who has no key cannot look a UID up."""
    one, _ = received(tmp_path / "one")
    other, _ = received(tmp_path / "other")
    one.close()
    other.close()
    (tmp_path / "one" / DATABASE).rename(tmp_path / "other" / DATABASE)
    assert Outbox(tmp_path / "other").find(f"{ROOT}.1.1") == []


def test_a_postponed_film_is_due_later_and_others_are_not_held_up(folder: Path) -> None:
    outbox, entry = received(folder)
    outbox.receive(read_film(dicom_film(2)))
    outbox.postpone(entry, "gone", time.time() + 60, is_error=False)
    found = outbox.next_due("received")
    assert found is not None
    assert found.id != entry
    later = outbox.next_due("received", now=time.time() + 61)
    assert later is not None


def test_the_status_says_why_films_wait(folder: Path) -> None:
    """Once a reason; a film that waits has not failed."""
    outbox, entry = received(folder)
    outbox.receive(read_film(dicom_film(2)))
    outbox.postpone(entry, "invalid-parameter: no such point", time.time() + 60, is_error=False)
    said: list[str] = []
    assert print_status(outbox, said.append)
    assert [json.loads(line) for line in said[1:]] == [{"waiting": 1, "reason": "invalid-parameter: no such point"}]


@pytest.mark.parametrize("written", [False, True])
def test_a_failed_film_is_kept_and_goes_on_where_it_failed(folder: Path, written: bool) -> None:
    """With its film, or with its results."""
    outbox, entry = received(folder)
    if written:
        outbox.write(entry, RESULTS)
    outbox.give_up(entry, "status 0x0122")
    assert [(failed.id, failed.reason) for failed in outbox.in_state("failed")] == [(entry, "status 0x0122")]
    assert outbox.forget(time.time() + 1) == 0
    assert outbox.retry([entry + 1]) == 0
    assert outbox.retry() == 1
    assert outbox.counts()["written" if written else "received"] == 1
    assert (outbox.results(entry) == RESULTS) is written


def test_a_discarded_film_is_gone_from_the_disk(folder: Path) -> None:
    """A film that waits is not discarded."""
    outbox, entry = received(folder)
    assert outbox.discard([entry]) == 0
    outbox.give_up(entry, "gone")
    assert outbox.discard([entry]) == 1
    assert b"Drawn^Film" not in bytes_on_disk(folder)


def test_finished_films_are_forgotten_after_their_time(folder: Path) -> None:
    outbox, entry = received(folder)
    outbox.refuse(entry, "unsuitable-image")
    assert outbox.forget(time.time() - 60) == 0
    assert outbox.forget(time.time() + 1) == 1
    assert outbox.find(f"{ROOT}.1.1") == []
