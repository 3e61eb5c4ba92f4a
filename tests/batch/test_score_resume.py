"""Killed at any moment and started again, every film stands in the result exactly once."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.batch.stand_in import StandIn
from tests.running import wait_until

FILMS = 160
CONCURRENCY = 4
Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Films whose bytes are their names."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(FILMS):
        (folder / f"{number:04}.png").write_bytes(f"{number:04}".encode())
    return folder


@pytest.fixture
def start(service: StandIn, archive: Path, tmp_path: Path) -> Iterator[Start]:
    """Start the command as a process."""
    processes = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pneumoserve", "score", str(archive), "--url", service.url]
        command += ["--out", str(tmp_path / "out.csv"), "--concurrency", str(CONCURRENCY)]
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def journaled(tmp_path: Path) -> set[str]:
    """Return the films in whole lines of the journal."""
    path = tmp_path / "out.csv.journal"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {json.loads(line)["path"] for line in lines[1:]}


def wait_until_held(service: StandIn, tmp_path: Path, films: int) -> None:
    """Wait for so many further films in the journal, and for the service to hold those after them."""
    before = len(service.received)
    service.hold_after = before + films
    wait_until(lambda: len(service.received) >= before + films + CONCURRENCY, 30)
    wait_until(lambda: len(journaled(tmp_path)) >= films, 30)


def paths_in(out: Path) -> list[str]:
    """Return the paths of a result, in order."""
    with out.open(newline="", encoding="utf-8") as file:
        return [row["path"] for row in csv.DictReader(file)]


def test_killed_again_and_again_it_scores_every_film_once(
    service: StandIn, start: Start, archive: Path, tmp_path: Path
) -> None:
    """And never sends again what the journal holds."""
    for further in (1, 20, 50):
        process = start()
        wait_until_held(service, tmp_path, further)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept, sent = journaled(tmp_path), len(service.received)
        with (tmp_path / "out.csv.journal").open("ab") as journal:
            journal.write(b'{"path": "torn')
        assert not (tmp_path / "out.csv").exists()
    service.release()
    process = start()
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 0, output
    assert paths_in(tmp_path / "out.csv") == [str(path) for path in sorted(archive.iterdir())]
    again = {film.decode() for film in service.received[sent:]}
    assert len(kept) >= 50
    assert not again & {path[-8:-4] for path in kept}
    assert not (tmp_path / "out.csv.journal").exists()


def test_interrupted_it_says_how_to_go_on(service: StandIn, start: Start, tmp_path: Path) -> None:
    """With exit status 130; the next start goes on."""
    process = start()
    wait_until_held(service, tmp_path, 20)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Start the same command again" in output
    assert journaled(tmp_path)
    service.release()
    process = start()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(paths_in(tmp_path / "out.csv")) == FILMS


def test_two_processes_do_not_share_a_journal(service: StandIn, start: Start, tmp_path: Path) -> None:
    first = start()
    wait_until_held(service, tmp_path, 0)
    second = start()
    _, errors = second.communicate(timeout=30)
    service.release()
    first.communicate(timeout=60)

    assert second.returncode == 2
    assert "Another process" in errors
    assert first.returncode == 0
