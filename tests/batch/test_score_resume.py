"""Killed at any moment and started again, every film stands in the result exactly once."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

FILMS = 240
CONCURRENCY = 4


@pytest.fixture
def archive(tmp_path):
    """Films whose bytes are their own names."""
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(FILMS):
        (folder / f"{number:04}.png").write_bytes(f"{number:04}".encode())
    return folder


@pytest.fixture
def start(service, archive, tmp_path):
    """Start the command in a process of its own."""

    def start():
        command = [sys.executable, "-m", "pneumoserve", "score", str(archive), "--url", service.url]
        command += ["--out", str(tmp_path / "out.csv"), "--concurrency", str(CONCURRENCY)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)

    return start


def wait_for(service, films):
    """Wait until the service has seen so many films."""
    deadline = time.monotonic() + 20
    while len(service.received) < films and time.monotonic() < deadline:
        time.sleep(0.002)
    assert len(service.received) >= films


def journaled(tmp_path):
    """Return the films in whole lines of the journal."""
    path = tmp_path / "out.csv.journal"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {json.loads(line)["path"] for line in lines[1:]}


def paths_in(out):
    """Return the paths of a result, in order."""
    with out.open(newline="", encoding="utf-8") as file:
        return [row["path"] for row in csv.DictReader(file)]


def test_killed_again_and_again_it_scores_every_film_once(service, start, archive, tmp_path):
    """Killed again and again it scores every film once, and never sends again what the journal holds."""
    service.seconds = 0.01
    for further in (1, 20, 50, 60):
        process = start()
        wait_for(service, len(service.received) + further)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)  # what was in flight arrives
        before = journaled(tmp_path), len(service.received)
        with (tmp_path / "out.csv.journal").open("ab") as journal:
            journal.write(b'{"path": "torn')
        assert not (tmp_path / "out.csv").exists()
    process = start()
    told, _ = process.communicate(timeout=30)

    assert process.returncode == 0, told
    assert paths_in(tmp_path / "out.csv") == [str(path) for path in sorted(archive.iterdir())]
    kept, sent = before
    again = {film.decode() for film in service.received[sent:]}
    assert kept
    assert not again & {path[-8:-4] for path in kept}
    assert not (tmp_path / "out.csv.journal").exists()


def test_interrupted_it_says_how_to_go_on(service, start, tmp_path):
    """Interrupted it ends with 130 and says how to go on."""
    service.seconds = 0.1  # so slow that the signal comes before the last film, on a busy machine too
    process = start()
    wait_for(service, 20)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=10)

    assert process.returncode == 130
    assert "Start the same command again" in told
    assert journaled(tmp_path)
    service.seconds = 0.01
    process = start()
    assert process.wait(30) == 0
    assert len(paths_in(tmp_path / "out.csv")) == FILMS


def test_two_processes_do_not_share_a_journal(service, start):
    """Two processes do not share a journal."""
    service.seconds = 0.02
    first = start()
    wait_for(service, 1)
    second = start()
    _, told = second.communicate(timeout=10)

    assert second.returncode == 2
    assert "Another process" in told
    assert first.wait(30) == 0
