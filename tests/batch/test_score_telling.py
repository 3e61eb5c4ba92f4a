"""What is printed never ends a run: not a narrow encoding, not odd names, not a reader that has gone away."""

import os
import subprocess
import sys

import pytest

from batch.telling import tell


@pytest.fixture
def films(tmp_path):
    """Films and dead links with names that not every encoding has."""
    folder = tmp_path / "filme"
    folder.mkdir()
    (folder / "é☃.png").write_bytes(b"well")
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(b"sick")
    (folder / "ü.png").symlink_to("nowhere")
    (folder / os.fsdecode(b"\xff.png")).symlink_to("nowhere")
    return folder


@pytest.fixture
def run(service, films, tmp_path):
    """Run the command through a shell with a redirection; answer its exit status and its output."""

    def run(redirection="", **environment):
        command = f'"$@" {redirection}'
        arguments = [sys.executable, "-m", "pneumoserve", "score", str(films), "--url", service.url]
        arguments += ["--out", str(tmp_path / "résult.csv")]
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command, "score", *arguments],  # noqa: S607
            capture_output=True,
            check=False,
            env=os.environ | environment,
        )

    return run


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LANG": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_an_encoding_without_these_letters_prints_escapes(run, tmp_path, environment):
    """An encoding without the letters of a name prints escapes, and the result has the letters."""
    ended = run(**environment)

    assert ended.returncode == 1
    assert b"Traceback" not in ended.stderr
    assert b"2 films scored, 2 failed." in ended.stdout
    assert b"\\xff.png" in ended.stdout
    result = os.fsencode(tmp_path) + "/résult.csv".encode()
    with open(result, encoding="utf-8") as file:  # noqa: PTH123 - bytes
        assert "é☃.png,NORMAL" in file.read()


@pytest.mark.parametrize(
    "redirection",
    [">&-", "2>&-", ">&- 2>&-", "> /dev/full", "2> /dev/full", "| true", "2>&1 | true", "> /dev/full 2>&1"],
)
def test_a_stream_that_takes_nothing_ends_nothing(run, tmp_path, redirection):
    """Where nobody takes what is printed, the result is written and the exit status is the same."""
    ended = run(redirection)

    assert ended.returncode == 1
    assert b"Traceback" not in ended.stdout + ended.stderr
    assert len((tmp_path / "résult.csv").read_text().splitlines()) == 5


def test_a_progress_that_nobody_reads_does_not_stop_the_run(service, films, run, tmp_path):
    """A reader that goes away in the middle stops neither the films nor the status."""
    for number in range(30):
        (films / f"{number}.png").write_bytes(b"well")
    service.seconds = 0.05
    ended = run("--concurrency 1 2>&1 | head -c 1")

    assert ended.returncode == 1
    assert len(service.received) == 32
    assert (tmp_path / "résult.csv").exists()


def test_lone_surrogates_are_told(capsys):
    """Half a pair of UTF-16 in a name is told as an escape."""
    tell("a\ud800b\udcff")
    assert capsys.readouterr().out == "a\\ud800b\\xff\n"
