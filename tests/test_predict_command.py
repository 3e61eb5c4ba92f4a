"""`pneumoserve predict` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pneumoserve
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
    """The site's prevalence moves both alike."""
    monkeypatch.setenv("PNEUMOSERVE_PREVALENCE", "0.1")
    monkeypatch.setenv("PNEUMOSERVE_MODEL_STORE", str(tiny_store))
    told = CliRunner().invoke(pneumoserve.app, ["predict", str(film)])
    with running(tiny_store) as server:
        answer = server.client.post("/predict", files={"file": (film.name, film.read_bytes())}).json()

    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout) == answer
    assert answer["prevalence"] == 0.1


def test_a_film_that_cannot_be_read_is_a_line_and_status_1(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """The films after it are read all the same."""
    absent = tmp_path / "absent.jpg"
    told = CliRunner().invoke(pneumoserve.app, ["predict", str(absent), str(film), "--model-store", str(tiny_store)])
    failed, read = map(json.loads, told.stdout.splitlines())

    assert told.exit_code == 1
    assert failed == {"filename": "absent.jpg", "error": "unreadable-file", "detail": "No such file or directory"}
    assert read["class"] in ("NORMAL", "PNEUMONIA")


def test_maps_become_files(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """One PNG a map, named after its film and its layer; the answer is left without them."""
    maps = tmp_path / "new" / "maps"
    arguments = ["predict", str(film), "--save-maps", str(maps), "--model-store", str(tiny_store)]
    told = CliRunner().invoke(pneumoserve.app, arguments)

    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["activation_maps"] == []
    layers = [f"film-layer-conv{number}.png" for number in (1, 2)]
    assert sorted(path.name for path in maps.iterdir() if "-layer-" in path.name) == layers
    assert len(list(maps.glob("film-cam-*.png"))) == 1


def test_maps_that_cannot_be_kept_are_a_wrong_call(film: Path, tiny_store: Path, tmp_path: Path) -> None:
    """A folder that cannot be made, or two films whose maps would have one name, are said in one line."""
    other = tmp_path / "other"
    other.mkdir()
    (other / film.name).write_bytes(film.read_bytes())
    for films, maps, words in (([film], film, "folder"), ([film, other / film.name], tmp_path / "maps", "one name")):
        arguments = ["predict", *map(str, films), "--save-maps", str(maps), "--model-store", str(tiny_store)]
        told = CliRunner().invoke(pneumoserve.app, arguments)

        assert told.exit_code == 2
        assert words in told.stderr
        assert len(told.stderr.splitlines()) == 1
