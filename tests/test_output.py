"""No command ends in a traceback because of where its output goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encode, film_pixels

ROOT = Path(__file__).parents[1]
HELP = [["--help"], *([name, "--help"] for name in ("serve", "predict", "score", "train", "train-lungs", "evaluate"))]
HELP += [["models", *rest, "--help"] for rest in ([], ["export"], ["card"])]
ENCODINGS: list[dict[str, str]] = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict", "FORCE_COLOR": "1"},
    {"PYTHONIOENCODING": "latin-1"},
]


def call(
    arguments: list[str], variables: dict[str, str] | None = None, *, before: Sequence[str] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(variables or {})}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    command = [*before, sys.executable, str(ROOT / "pneumoserve.py"), *arguments]
    return subprocess.run(command, env=environment, text=True, errors="replace", timeout=120, **streams)


@pytest.mark.parametrize(
    "variables",
    [ENCODINGS[0], *(pytest.param(each, marks=pytest.mark.long) for each in ENCODINGS[1:])],
    ids=lambda variables: "-".join(variables.values()),
)
def test_an_encoding_that_lacks_a_sign_gets_its_number(
    variables: dict[str, str], tiny_store: Path, tmp_path: Path
) -> None:
    """Help with its `…`, a table in a frame, a film whose name is no text, and the name of a folder in an error."""
    film = tmp_path / os.fsdecode("fülm…".encode() + b"\xff.jpg")
    film.write_bytes(encode(film_pixels(3)))
    store = ["--model-store", str(tiny_store)]
    calls = [
        (["score", "--help"], 0),
        (["models", *store], 0),
        (["predict", str(film), *store], 0),
        (["predict", str(film), "--model-store", str(tmp_path / "nö…")], 2),
        (["models", "--model-store", str(tmp_path / "nö…")], 2),
        (["nö…"], 2),
    ]
    for arguments, status in calls:
        done = call(arguments, variables)
        assert "Traceback" not in done.stderr
        assert done.returncode == status, (arguments, done.stderr)


@pytest.mark.parametrize("arguments", HELP, ids=" ".join)
def test_help_is_for_every_terminal(arguments: list[str]) -> None:
    """In plain ASCII where that is all there is."""
    done = call(arguments, ENCODINGS[0])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()


def test_a_reader_that_has_gone_is_no_error_of_ours(tiny_store: Path, tmp_path: Path) -> None:
    """As with `| head -1`; and a stream that was closed before we began takes nothing."""
    film = tmp_path / "film.jpg"
    film.write_bytes(encode(film_pixels(3)))
    for arguments in (["--help"], ["models"], ["predict", str(film), str(film)]):
        store = [] if arguments == ["--help"] else ["--model-store", str(tiny_store)]
        reading, writing = os.pipe()
        os.close(reading)
        try:
            gone = call([*arguments, *store], stdout=writing)
        finally:
            os.close(writing)
        closed = call([*arguments, *store], before=["sh", "-c", 'exec "$@" >&-', "sh"])
        assert (gone.stderr, closed.stderr) == ("", "")
        assert gone.returncode in (0, 1)
        assert closed.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_one_line(tiny_store: Path) -> None:
    """And status 1."""
    for arguments in (["--help"], ["models", "--model-store", str(tiny_store)]):
        with Path("/dev/full").open("w") as full:
            done = call(arguments, stdout=full)
        assert done.returncode == 1
        assert done.stderr == "There is no space left to write the output.\n"
