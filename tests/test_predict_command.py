"""`pneumoserve predict` as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pneumoserve
from app.errors import DeadlineExceeded
from app.inference.predictor import FilmPrediction, Predictor, open_predictor
from batch.predict import predict_files
from tests.conftest import encode, film_pixels
from tests.running import running


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.jpg"
    path.write_bytes(encode(film_pixels(3)))
    return path


def test_it_answers_as_a_server_with_the_same_settings(
    film: Path, tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site's prevalence moves both."""
    monkeypatch.setenv("PNEUMOSERVE_PREVALENCE", "0.1")
    monkeypatch.setenv("PNEUMOSERVE_MODEL_STORE", str(tiny_store))
    ended = CliRunner().invoke(pneumoserve.app, ["predict", str(film)])
    with running(tiny_store) as server:
        answer = server.client.post("/predict", files={"file": (film.name, film.read_bytes())}).json()

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout) == answer
    assert answer["prevalence"] == 0.1


def test_a_film_that_cannot_be_read_is_a_line_and_status_1(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """Later films are read."""
    absent = tmp_path / "absent.jpg"
    ended = CliRunner().invoke(pneumoserve.app, ["predict", str(absent), str(film), "--model-store", str(tiny_store)])
    failed, read = map(json.loads, ended.stdout.splitlines())

    assert ended.exit_code == 1
    assert failed == {"filename": "absent.jpg", "error": "unreadable-file", "detail": "No such file or directory"}
    assert read["class"] in ("NORMAL", "PNEUMONIA")


def test_a_film_comes_from_standard_input(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """Between others, in its place, without a name."""
    (tmp_path / "-").write_bytes(encode(film_pixels(4)))
    arguments = ["predict", str(film), "-", str(tmp_path / "-"), "--model-store", str(tiny_store)]
    ended = CliRunner().invoke(pneumoserve.app, arguments, input=film.read_bytes())
    named, sent, other = map(json.loads, ended.stdout.splitlines())

    assert ended.exit_code == 0, ended.output
    assert sent == named | {"filename": None}
    assert other["filename"] == "-"
    assert other["probability"] != sent["probability"]


def test_a_file_named_as_standard_input_is_a_file(
    film: Path, tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written ./-."""
    monkeypatch.chdir(tmp_path)
    film.rename("-")
    ended = CliRunner().invoke(pneumoserve.app, ["predict", "./-", "--model-store", str(tiny_store)], input=b"")

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["filename"] == "-"


@pytest.mark.parametrize(
    ("sent", "slug"),
    [(b"", "missing-file"), (b"GIF89a", "unsupported-format"), (encode(film_pixels(1))[:400], "undecodable-image")],
)
def test_no_film_on_standard_input_is_a_line_and_status_1(sent: bytes, slug: str, tiny_store: Path) -> None:
    """With the service's slugs."""
    ended = CliRunner().invoke(pneumoserve.app, ["predict", "-", "--model-store", str(tiny_store)], input=sent)
    answer = json.loads(ended.stdout)

    assert ended.exit_code == 1
    assert (answer["filename"], answer["error"]) == (None, slug)
    assert answer["detail"].startswith("Expected")


def test_a_closed_standard_input_is_a_line_and_status_1(tiny_store: Path) -> None:
    """As daemons and some schedulers start processes."""
    command = f'exec "{sys.executable}" "{pneumoserve.__file__}" predict - --model-store "{tiny_store}" <&-'
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (1, "")
    assert json.loads(ended.stdout) == {
        "filename": None, "error": "unreadable-file", "detail": "Standard input is closed",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop", "under a file", "long name", "empty", "."])
def test_what_is_no_film_is_a_line_and_never_waited_for(kind: str, film: Path, tiny_store: Path) -> None:
    """The film behind it is read."""
    path = film.parent / kind
    match kind:
        case "pipe":
            os.mkfifo(path)
            # Whoever opens it after all shall not wait.
            threading.Thread(target=path.write_bytes, args=(b"",), daemon=True).start()
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/null")
        case "loop":
            path.symlink_to(path)
        case "under a file":
            path = film / "film.jpeg"
        case "long name":
            path = film.with_name("x" * 300)
        case "empty":
            path.write_bytes(b"")
        case ".":
            path = Path()
    ended = CliRunner().invoke(pneumoserve.app, ["predict", str(path), str(film), "--model-store", str(tiny_store)])
    failed, read = map(json.loads, ended.stdout.splitlines())

    assert ended.exit_code == 1
    assert failed["filename"] == (path.name or ".")
    assert failed["error"] == ("missing-file" if kind == "empty" else "unreadable-file")
    assert failed["detail"]
    assert read["filename"] == film.name


def test_maps_become_files(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """One PNG a map, named after film and layer; the answer has none."""
    maps = tmp_path / "new" / "maps"
    arguments = ["predict", str(film), "--save-maps", str(maps), "--model-store", str(tiny_store)]
    ended = CliRunner().invoke(pneumoserve.app, arguments)

    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["activation_maps"] == []
    layers = [f"film-layer-conv{number}.png" for number in (1, 2)]
    assert sorted(path.name for path in maps.iterdir() if "-layer-" in path.name) == layers
    assert len(list(maps.glob("film-cam-*.png"))) == 1


def test_maps_of_standard_input_are_named_after_it(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """A dash would make an option of the name; a file of that name would be overwritten."""
    maps = tmp_path / "maps"
    arguments = ["predict", "-", "--save-maps", str(maps), "--model-store", str(tiny_store)]
    ended = CliRunner().invoke(pneumoserve.app, arguments, input=film.read_bytes())
    both = CliRunner().invoke(pneumoserve.app, [*arguments, str(film.rename(tmp_path / "stdin.jpeg"))], input=b"")

    assert ended.exit_code == 0, ended.output
    assert {path.name.partition("-")[0] for path in maps.iterdir()} == {"stdin"}
    assert (both.exit_code, both.stdout) == (2, "")


def test_maps_that_cannot_be_written_are_a_wrong_call(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    (tmp_path / "film-layer-conv1.png").mkdir()
    arguments = ["predict", str(film), "--save-maps", str(tmp_path), "--model-store", str(tiny_store)]
    ended = CliRunner().invoke(pneumoserve.app, arguments)

    assert ended.exit_code == 2
    assert ended.stderr == "Expected --save-maps to be a folder that can be written: Is a directory.\n"


def test_maps_that_cannot_be_kept_are_a_wrong_call(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """A folder cannot be made, or two films' maps would have one name."""
    other = tmp_path / "other"
    other.mkdir()
    (other / film.name).write_bytes(film.read_bytes())
    for films, maps, words in (([film], film, "folder"), ([film, other / film.name], tmp_path / "maps", "one name")):
        arguments = ["predict", *map(str, films), "--save-maps", str(maps), "--model-store", str(tiny_store)]
        ended = CliRunner().invoke(pneumoserve.app, arguments)

        assert ended.exit_code == 2
        assert words in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("gate", "status", "verdict"), [("refuse", 1, None), ("flag", 0, "unusual"), ("off", 0, "unknown")]
)
def test_the_gate_refuses_flags_or_is_off(
    gated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: str, status: int, verdict: str | None
) -> None:
    """By the option, or by the service's setting."""
    blank = tmp_path / "blank.png"
    blank.write_bytes(encode(np.full((200, 200), 70, np.uint8), ".png"))
    command = ["predict", str(blank), "--model-store", str(gated_store)]
    asked = CliRunner().invoke(pneumoserve.app, [*command, "--gate", gate])
    monkeypatch.setenv("PNEUMOSERVE_GATE", gate)
    assert CliRunner().invoke(pneumoserve.app, command).stdout == asked.stdout
    assert asked.exit_code == status
    answer = json.loads(asked.stdout)
    assert answer.get("gate", {}).get("verdict") == verdict
    assert answer.get("error") == ("unsuitable-image" if status else None)


def test_a_film_that_had_no_time_costs_the_others_nothing(tiny_store: Path, tmp_path: Path) -> None:
    """Its line says that it may be read later."""

    class Busy(Predictor):
        def predict(self, data: bytes, **options: Any) -> FilmPrediction:
            if data == b"slow":
                raise DeadlineExceeded("Try again later.")
            return super().predict(data, **options)

    opened = open_predictor(tiny_store, None)
    (tmp_path / "slow.dcm").write_bytes(b"slow")
    (tmp_path / "film.jpg").write_bytes(encode(film_pixels()))
    lines: list[str] = []
    files = [str(tmp_path / name) for name in ("slow.dcm", "film.jpg")]
    busy = Busy(opened.entry, opened.engine)
    failed = predict_files(busy, files, output=lines.append)

    assert failed == 1
    assert json.loads(lines[0]) == {"filename": "slow.dcm", "error": "deadline-exceeded", "detail": "Try again later."}
    assert "probability" in json.loads(lines[1])
