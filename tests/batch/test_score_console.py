"""What is printed never ends a run: not a narrow encoding, not odd names, not a reader that has gone away."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from batch.console import ScoringProgress, print_out
from tests.batch.stand_in import StandIn

RunScore = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Films and dead links with names that not every encoding has."""
    folder = tmp_path / "filme"
    folder.mkdir()
    (folder / "é☃.png").write_bytes(b"negative")
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(b"positive")
    (folder / "ü.png").symlink_to("nowhere")
    (folder / os.fsdecode(b"\xff.png")).symlink_to("nowhere")
    return folder


@pytest.fixture
def run(service: StandIn, films: Path, tmp_path: Path) -> RunScore:
    """Run the command through a shell with a redirection."""

    def run(redirection: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
        arguments = [sys.executable, "-m", "pneumoserve", "score", str(films), "--url", service.url]
        arguments += ["--out", str(tmp_path / "résult.csv")]
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", f'"$@" {redirection}', "score", *arguments],  # noqa: S607
            capture_output=True,
            check=False,
            env=os.environ | environment,
        )

    return run


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=str,
)
def test_an_encoding_without_these_letters_prints_escapes(
    run: RunScore, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The result has the letters."""
    ended = run(**environment)

    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    assert b"2 films scored, 2 failed." in ended.stdout
    assert b"\\xff.png" in ended.stdout
    result = os.fsencode(tmp_path) + "/résult.csv".encode()
    with open(result, encoding="utf-8") as file:  # noqa: PTH123 - bytes
        assert "é☃.png,NORMAL" in file.read()


@pytest.mark.parametrize(
    "redirection", [">&- 2>&-", "> /dev/full", "2> /dev/full", "> /dev/full 2>&1", "| true", "2>&1 | head -c 1"]
)
def test_a_stream_that_takes_nothing_ends_nothing(run: RunScore, tmp_path: Path, redirection: str) -> None:
    """Closed, full, or left by its reader in the middle: the result is written, and the exit status is the same."""
    ended = run(redirection)

    assert ended.returncode == 1
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert len((tmp_path / "résult.csv").read_text().splitlines()) == 5


def test_lone_surrogates_are_printed_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    """Half a pair of UTF-16 in a name."""
    print_out("a\ud800b\udcff")
    assert capsys.readouterr().out == "a\\ud800b\\xff\n"


def test_without_a_terminal_progress_is_a_line_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """The rate counts films sent; the time that is left, all that this start finished."""
    times = iter([0.0, 4.9, 5.0, 9.9, 10.0, 10.1])
    with ScoringProgress(Console(file=io.StringIO()), 100, 20, clock=times.__next__) as progress:
        for finished, failed, sent in ((21, 0, 1), (20, 0, 0), (21, 0, 1), (40, 1, 10), (100, 1, 70)):
            progress.show(finished, failed, sent)

    assert capsys.readouterr().err.splitlines() == [
        "20 of 100 films · 0 films/s · waiting for the service",
        "40 of 100 films · 1 films/s · 30 s left · 1 failed",
        "100 of 100 films · 7 films/s · 0 s left · 1 failed",
    ]
