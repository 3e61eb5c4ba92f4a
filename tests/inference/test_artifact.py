"""Model store entries: found, verified or refused."""

from __future__ import annotations

import base64
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.errors import ArtifactRefused, ModelNotFound
from app.inference.artifact import Entry, find_entry, list_entries, open_verified
from app.inference.artifact_writer import set_default
from app.inference.manifest import Manifest
from app.names import EngineName
from tests.conftest import film_pixels
from tests.inference.stores import add_versions, edit, files


def refused(store: Path, label: str = "pooled/1", engine: EngineName = "openvino") -> str:
    with pytest.raises(ArtifactRefused) as caught:
        open_verified(find_entry(store, label), engine)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_entries_are_listed_by_name_then_number(store: Path) -> None:
    """10 comes after 9; what is no version is not listed."""
    add_versions(store, "pooled", 2, 10, 9)
    for other in (".3-abc", "03", "0", "x", "-1"):
        shutil.copytree(store / "pooled" / "1", store / "pooled" / other)
    (store / "pooled" / "11").mkdir()
    assert list_entries(store) == ["dense/1", "pooled/1", "pooled/2", "pooled/9", "pooled/10", "tanh/1"]


def test_a_name_alone_finds_its_highest_version(store: Path) -> None:
    """By number, not by letter."""
    add_versions(store, "pooled", 2, 10, 9)
    assert find_entry(store, "pooled").label == "pooled/10"
    assert find_entry(store, "pooled/9").label == "pooled/9"


def test_without_a_name_the_default_is_found(store: Path) -> None:
    """With or without a version in the file DEFAULT."""
    assert find_entry(store).label == "pooled/1"
    set_default(store, "tanh")
    assert find_entry(store).label == "tanh/1"
    assert not [name for name in files(store) if name.startswith(".")]


@pytest.mark.parametrize("wanted", ["article", "pooled/2", "pooled/", "pooled/01", "../store/pooled/1", "", "/"])
def test_an_unknown_name_lists_what_there_is(store: Path, wanted: str) -> None:
    """No path leaves the store."""
    with pytest.raises(ModelNotFound) as caught:
        find_entry(store, wanted)
    there_are = f"Expected one of the models in {store}: dense/1, pooled/1, tanh/1."
    assert str(caught.value) == f"{there_are} Received {wanted!r}."


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_without_a_readable_default_the_name_is_asked_for(store: Path, content: bytes | None) -> None:
    (store / "DEFAULT").unlink()
    if content is not None:
        (store / "DEFAULT").write_bytes(content)
    with pytest.raises(ModelNotFound, match="a file DEFAULT"):
        find_entry(store)


@pytest.mark.parametrize("wanted", ["pooled", None])
def test_an_empty_store_names_its_whole_path_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str | None
) -> None:
    """So does an absent folder."""
    monkeypatch.chdir(tmp_path)
    for folder, reason in ((Path(), "There is no model in it"), (Path("absent"), "There is no such folder")):
        assert list_entries(folder) == []
        with pytest.raises(ModelNotFound) as caught:
            find_entry(folder, wanted)
        message = str(caught.value)
        assert f"in {tmp_path / folder}. {reason}" in message
        assert "--model-store or PNEUMOSERVE_MODEL_STORE" in message


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("name", ["pooled", "dense", "tanh"])
def test_what_was_written_opens_under_both_engines(tiny_store: Path, name: str, engine: EngineName) -> None:
    assert open_verified(find_entry(tiny_store, name), engine).name == engine


def broken_manifests() -> Iterator[tuple[str, Callable[[Any], Any], str]]:
    yield "default_operating_point", lambda m: m.update(default_operating_point="other"), "'other' is not among"
    yield "no points", lambda m: m.update(operating_points={}), "operating_points"
    yield "calibrated for others", lambda m: m["calibration"].update(weights_sha256="0" * 64), "other weights"
    yield "no calibration", lambda m: m.pop("calibration"), "calibration: Field required"
    yield "falling", lambda m: m["calibration"].update(slope=-1), "calibration.slope"
    yield "nan threshold", lambda m: m["operating_points"].update(half=math.nan), "operating_points.half"
    yield "infinite threshold", lambda m: m["operating_points"].update(half=math.inf), "operating_points.half"
    yield "nan band", lambda m: m.update(refer_band={"low": math.nan, "high": 1}), "refer band"
    yield "turned band", lambda m: m.update(refer_band={"low": 1, "high": 0}), "refer band"
    yield "another format", lambda m: m.update(format=2), "format"
    yield "unknown field", lambda m: m.update(threshold=0.5), "threshold: Extra"
    yield "no size", lambda m: m["input"].update(width=0), "input.width"
    yield "one label", lambda m: m.update(labels=["PNEUMONIA"]), "labels"
    yield "another version", lambda m: m.update(version="2"), "Received that of pooled/2"
    yield "another name", lambda m: m.update(name="dense"), "Received that of dense/1"
    yield "escaping name", lambda m: m.update(name="../dense"), "name"


@pytest.mark.parametrize(
    ("change", "message"), [case[1:] for case in broken_manifests()], ids=[c[0] for c in broken_manifests()]
)
def test_a_manifest_that_contradicts_itself_is_refused(store: Path, change: Callable[..., Any], message: str) -> None:
    """With the place and the reason, in one line."""
    edit(store / "pooled" / "1" / "model.json", change)
    with pytest.raises(ArtifactRefused, match=message) as caught:
        find_entry(store, "pooled")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_manifest_that_is_no_json_object_is_refused(store: Path, content: bytes) -> None:
    (store / "pooled" / "1" / "model.json").write_bytes(content)
    with pytest.raises(ArtifactRefused, match=r"model\.json of pooled/1 is refused"):
        find_entry(store, "pooled")


@pytest.mark.parametrize(
    ("name", "message"),
    [("model.keras", "expected model.keras"), ("serving/model.xml", "serving"), ("serving/model.bin", "serving")],
)
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_one_changed_byte_is_refused(store: Path, name: str, message: str, engine: EngineName) -> None:
    """In either form, whichever engine reads it."""
    path = store / "pooled" / "1" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert message in refused(store, engine=engine)


@pytest.mark.parametrize("change", ["added", "renamed", "folder", "gone", "other's"])
def test_serving_files_of_another_number_or_name_are_refused(store: Path, change: str) -> None:
    serving = store / "pooled" / "1" / "serving"
    match change:
        case "added":
            (serving / "more").touch()
        case "renamed":
            (serving / "model.bin").rename(serving / "model.aaa")
        case "folder":
            (serving / "more").mkdir()
        case "gone":
            shutil.rmtree(serving)
        case "other's":
            shutil.rmtree(serving)
            shutil.copytree(store / "dense" / "1" / "serving", serving)
    message = "cannot be read" if change == "folder" else "expected serving with sha256"
    assert message in refused(store)


@pytest.mark.parametrize("name", ["model.keras", "golden.json", "serving/model.bin"])
def test_a_missing_file_is_refused(store: Path, name: str) -> None:
    """By its name."""
    (store / "pooled" / "1" / name).unlink()
    assert name.split("/")[0] in refused(store)


def test_an_entry_without_a_manifest_is_none(store: Path) -> None:
    (store / "pooled" / "1" / "model.json").unlink()
    with pytest.raises(ModelNotFound):
        find_entry(store, "pooled")


def test_swapped_networks_with_their_hashes_are_refused_by_their_numbers(store: Path) -> None:
    """A changed hash does not bring the golden logits."""
    other = json.loads((store / "dense" / "1" / "model.json").read_text())["sha256"]["serving"]
    shutil.rmtree(store / "pooled" / "1" / "serving")
    shutil.copytree(store / "dense" / "1" / "serving", store / "pooled" / "1" / "serving")
    edit(store / "pooled" / "1" / "model.json", lambda manifest: manifest["sha256"].update(serving=other))
    assert "golden film should give logit" in refused(store)


def set_film(**changed: object) -> Callable[[Any], None]:
    return lambda golden: golden["films"][-1].update(changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda golden: golden["films"][-1].update(logit=golden["films"][-1]["logit"] + 0.002), "should give logit"),
        (
            lambda golden: golden["films"][-1].update(probability=golden["films"][-1]["probability"] + 0.0002),
            "should give logit",
        ),
        (set_film(logit=math.nan), "golden.json"),
        (set_film(probability=math.nan), "golden.json"),
        (set_film(png="no base64!"), "base64 PNG"),
        (set_film(png=""), "base64 PNG"),
        (set_film(png="AAAA"), "base64 PNG"),
        (lambda golden: golden.update(films=[]), "golden.json"),
        (lambda golden: golden["films"][-1].pop("logit"), "golden.json"),
    ],
)
def test_golden_films_that_are_not_reproduced_are_refused(
    store: Path, change: Callable[..., Any], message: str
) -> None:
    """By over 1e-3 in a logit or 1e-4 in a probability; or no film at all."""
    edit(store / "pooled" / "1" / "golden.json", change)
    assert message in refused(store)


def test_golden_films_of_another_size_are_refused(store: Path) -> None:
    """Also where only one is."""
    small = json.loads((store / "pooled" / "1" / "golden.json").read_text())
    ok, png = cv2.imencode(".png", film_pixels(0, 100, 150))
    assert ok
    small["films"][-1]["png"] = base64.b64encode(png.tobytes()).decode()
    (store / "pooled" / "1" / "golden.json").write_text(json.dumps(small))
    assert "expected golden films of (150, 150). Received (100, 150)" in refused(store)


def test_a_logit_that_is_no_number_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though every comparison with NaN is false."""

    class Undefined:
        name = "openvino"

        def logits(self, films: np.ndarray) -> np.ndarray:
            return np.full(len(films), np.nan, np.float32)

    monkeypatch.setattr("app.inference.artifact.open_engine", lambda *_: Undefined())
    assert "gives nan and nan" in refused(store)


def test_another_calibration_of_the_same_weights_is_refused(store: Path) -> None:
    edit(store / "pooled" / "1" / "model.json", lambda manifest: manifest["calibration"].update(intercept=0.01))
    assert "should give logit" in refused(store)


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pooled", lambda maps: maps["layers"].append("absent")),
        ("tanh", lambda maps: maps.update(cam={"method": "m", "layer": "conv1", "exact": True})),
    ],
)
def test_maps_that_the_network_does_not_answer_are_refused_when_it_is_opened(
    store: Path, name: str, change: Callable[..., Any], engine: EngineName
) -> None:
    """Not at the first request for them."""
    edit(store / name / "1" / "model.json", lambda manifest: change(manifest["maps"]))
    assert "Expected" in refused(store, name, engine)


def test_a_manifest_comes_back_as_it_was_written(tiny_store: Path) -> None:
    """Every field, with the hash under the file's own name."""
    entry = find_entry(tiny_store, "dense")
    text = (entry.folder / "model.json").read_text()
    assert Manifest.model_validate_json(text) == entry.manifest
    digests = json.loads(text)["sha256"]
    assert set(digests) == {"model.keras", "serving", "gate"}
    assert digests["gate"] is None
    assert Entry(entry.folder, entry.manifest).label == "dense/1"
