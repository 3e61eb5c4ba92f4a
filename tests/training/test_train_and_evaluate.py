"""A training ends with one complete entry or none; evaluation needs no TensorFlow."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

import training.publishing.finish
from app.errors import InvalidParameter
from app.inference.artifact import find_entry, open_verified
from tests.drawn import write_kaggle_layout
from tests.training.tiny import TINY
from training.data.layout import WrongLayout
from training.evaluate import evaluate, report_site
from training.evaluation.evaluation import Selection, open_evaluation
from training.reports.site_report import SiteReportOptions
from training.train import train
from training.train_options import TrainOptions

ROOT = Path(__file__).parents[2]
WITHOUT_TENSORFLOW = """
import sys
import pneumoserve
sys.argv = ["pneumoserve", *sys.argv[1:]]
try:
    pneumoserve.main()
except SystemExit as end:
    loaded = {name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "torch", "jax"}
    sys.exit(f"imported {loaded}" if loaded else end.code)
"""


class Trained(NamedTuple):
    """A folder with `data`, a store and runs; the entry; what was printed."""

    folder: Path
    options: TrainOptions
    entry: Path
    printed: str


def make_console() -> Console:
    """Return a recording console."""
    return Console(record=True, file=io.StringIO(), width=200)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained and tested on drawn films."""
    folder = tmp_path_factory.mktemp("trained")
    data = folder / "data"
    write_kaggle_layout(data, 40, ("train", "val", "test"))
    (data / "train" / "NORMAL" / "broken.jpeg").write_bytes(b"no film")
    options = TrainOptions(str(data), folder / "store", folder / "runs", test=data / "test", validation_share=0.25)
    console = make_console()
    entry = train(options, TINY, console)
    return Trained(folder, options, entry, console.export_text())


@pytest.mark.long
def test_a_finished_training_makes_no_second_entry(trained: Trained) -> None:
    """Test films are not evaluated a second time."""
    console = make_console()
    assert train(trained.options, TINY, console) == trained.entry
    assert "finished before" in console.export_text()
    assert [path.name for path in trained.entry.parent.iterdir()] == ["1"]


@pytest.mark.long
def test_training_ends_with_one_complete_entry(trained: Trained) -> None:
    """It opens as in the service, and holds what DESIGN lists."""
    folder, entry = trained.folder, trained.entry
    found = find_entry(folder / "store", "tiny-cnn")
    assert found.folder == entry == folder / "store" / "tiny-cnn" / "1"
    open_verified(found)
    names = {path.name for path in entry.iterdir()}
    assert {"model.keras", "serving", "model.json", "golden.json", "MODEL_CARD.md"} <= names
    assert {"validation_report.png", "validation_report.txt", "learning_curves.png", "test_report.png"} <= names
    assert sum(path.stat().st_size for path in entry.rglob("*")) < 18e6


@pytest.mark.long
def test_training_prints_what_it_left_out(trained: Trained) -> None:
    """The ignored split, the unreadable file."""
    assert "val/ is ignored" in trained.printed
    assert "NORMAL/broken.jpeg" in trained.printed
    assert "Epoch  8/8" in trained.printed


@pytest.mark.long
def test_the_manifest_records_the_training(trained: Trained) -> None:
    """Operating points, metrics with intervals, split, fingerprint, history; no folder of this machine."""
    folder, entry = trained.folder, trained.entry
    manifest = json.loads((entry / "model.json").read_text())
    assert manifest["operating_points"]["half"] == 0.0
    assert manifest["default_operating_point"] == "balanced"
    validation = manifest["metrics"]["validation"]
    assert validation["films"] == {"NORMAL": 10, "PNEUMONIA": 10}
    auc = validation["operating_points"]["balanced"]["auc"]
    assert 0.8 < auc["low"] <= auc["value"] <= auc["high"] <= 1
    assert manifest["metrics"]["engines"]["largest_probability_difference"] < 1e-3
    assert manifest["metrics"]["test"][0]["films"] == {"NORMAL": 40, "PNEUMONIA": 40}
    assert manifest["training_data"]["unreadable"] == 1
    assert len(manifest["training"]["history"]) == TINY.epochs
    assert manifest["training"]["command"].startswith("pneumoserve train --data data --network tiny")
    assert str(folder) not in json.dumps(manifest)


@pytest.mark.long
def test_card_says_what_the_files_say(trained: Trained) -> None:
    """Metrics, test evaluation and limits; every plot exists."""
    entry = trained.entry
    card = (entry / "MODEL_CARD.md").read_text()
    validation = json.loads((entry / "model.json").read_text())["metrics"]["validation"]
    auc = validation["operating_points"]["balanced"]["auc"]
    assert f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})" in card
    assert "Not a medical device" in card
    assert "One held-out test evaluation on `test`" in card
    assert "the validation metrics are optimistic" in card
    shown = [line.split("(")[1].rstrip(")") for line in card.splitlines() if line.startswith("![")]
    assert shown
    assert all((entry / plot).is_file() for plot in shown)


@pytest.mark.long
def test_nothing_is_left_where_finishing_fails(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card cannot be written; the same call then finishes without training."""
    folder = trained.folder
    options = TrainOptions(str(folder / "data"), tmp_path, folder / "runs", validation_share=0.25)
    with monkeypatch.context() as broken:
        broken.setattr(
            training.publishing.finish, "write_card", lambda folder: (folder / "nowhere" / "card").write_text("")
        )
        with pytest.raises(FileNotFoundError):
            train(options, TINY, Console(quiet=True))
    assert not list(tmp_path.rglob("*"))
    assert train(options, TINY, Console(quiet=True)) == tmp_path / "tiny-cnn" / "1"
    assert "None yet" in (tmp_path / "tiny-cnn" / "1" / "MODEL_CARD.md").read_text()


def test_a_wrong_test_folder_is_refused_before_the_training(tmp_path: Path) -> None:
    """Before any film is read."""
    options = TrainOptions("nowhere", tmp_path, test=tmp_path)
    with pytest.raises(WrongLayout, match="each in a folder with the name of its class"):
        train(options, replace(TINY, epochs=0), Console(quiet=True))


@pytest.mark.long
def test_evaluation_repeats_the_metrics_of_the_held_out_test(trained: Trained, tmp_path: Path) -> None:
    """By the serving engine."""
    folder, entry = trained.folder, trained.entry
    selection = Selection(folder / "data", folder / "store", "tiny-cnn/1", split="test")
    evaluation = open_evaluation(selection, Console(quiet=True))
    assert not evaluation.unreadable
    assert evaluate(evaluation, tmp_path) == tmp_path
    recorded = json.loads((entry / "model.json").read_text())["metrics"]["test"][0]
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["model"] == "tiny-cnn/1"
    for name, metrics in recorded["operating_points"].items():
        assert found["operating_points"][name]["confusion_matrix"] == metrics["confusion_matrix"]
        assert found["operating_points"][name]["auc"]["value"] == pytest.approx(metrics["auc"]["value"], abs=1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {"metrics.json", "report.txt", "report.png"}


@pytest.mark.long
def test_evaluation_of_one_class_says_what_is_missing(trained: Trained, tmp_path: Path) -> None:
    """Instead of metrics that are NaN; an unreadable film of the other class changes nothing."""
    folder = trained.folder
    shutil.copytree(folder / "data" / "test" / "NORMAL", tmp_path / "films" / "NORMAL")
    shutil.copytree(folder / "data" / "test" / "PNEUMONIA", tmp_path / "films" / "positive")
    selection = Selection(tmp_path / "films", folder / "store", "tiny-cnn/1")
    with pytest.raises(WrongLayout, match=r"40 of NORMAL and none of PNEUMONIA. 40 films .* left out: 40 in positive/"):
        open_evaluation(selection, Console(quiet=True))
    (tmp_path / "films" / "PNEUMONIA").mkdir()
    (tmp_path / "films" / "PNEUMONIA" / "cut.jpeg").write_bytes(b"no film")
    with pytest.raises(WrongLayout, match="40 of NORMAL and none of PNEUMONIA"):
        open_evaluation(selection, Console(quiet=True))


@pytest.mark.long
def test_evaluation_reads_what_a_file_server_left(trained: Trained, tmp_path: Path) -> None:
    """Undecodable names, nested folders; the metrics are the same."""
    folder = trained.folder
    data = tmp_path / os.fsdecode(b"r\xf6ntgen")
    shutil.copytree(folder / "data" / "test" / "NORMAL", data / "normal")
    shutil.copytree(folder / "data" / "test" / "PNEUMONIA", data / "PNEUMONIA" / os.fsdecode(b"\xe9"))
    (data / "normal" / "Thumbs.db").write_bytes(b"thumbnails")
    (data / "normal" / os.fsdecode(b"\xe9\n.jpeg")).write_bytes(b"no film")
    console = make_console()
    evaluation = open_evaluation(Selection(data, folder / "store", "tiny-cnn/1"), console)
    evaluate(evaluation, tmp_path / "out")
    report_site(evaluation, SiteReportOptions(tmp_path / "page", show_names=True))
    plain = open_evaluation(Selection(folder / "data", folder / "store", "tiny-cnn/1", split="test"), console)
    assert evaluation.assessment.to_record() == plain.assessment.to_record()
    text = console.export_text()
    assert "Passed over: 1 .db." in text
    assert r"normal/\xe9\n.jpeg: Expected the bytes" in text
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["unreadable"][0]["path"] == r"normal/\xe9\n.jpeg"
    assert r"PNEUMONIA/\xe9/person" in (tmp_path / "page" / "index.csv").read_text("utf-8")


@pytest.mark.long
def test_evaluate_command_needs_no_tensorflow(trained: Trained, tmp_path: Path) -> None:
    """It prints metrics, grouping and the unreadable file, and ends with 1 for it."""
    folder = trained.folder
    arguments = ["--data", folder / "data", "--split", "train", "--model", "tiny-cnn", "--out", tmp_path]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, "evaluate", "--model-store", folder / "store", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    for words in ("Sensitivity (recall)", "by patient, from Kaggle", "NORMAL/broken.jpeg", "confusion matrix"):
        assert words in ended.stdout


@pytest.mark.long
def test_unknown_operating_point_is_refused(trained: Trained) -> None:
    """The message lists the model's own."""
    folder = trained.folder
    selection = Selection(folder / "data" / "test", folder / "store", "tiny-cnn", operating_point="best")
    with pytest.raises(InvalidParameter, match="half, balanced"):
        open_evaluation(selection, Console(quiet=True))
