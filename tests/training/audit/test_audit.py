"""`audit` measures, prints, plots and keeps, on exactly the films that a model was validated on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from app.errors import InvalidParameter, PneumoServeError
from app.inference.artifact import find_entry
from tests.drawn import write_kaggle_layout
from tests.training.audit.conftest import QUIET, SIZE
from training.audit.corruptions import AXES
from training.audit.robustness import SHOWN_METRICS
from training.data.dataset import read_dataset
from training.data.validation_split import read_own_validation
from training.evaluate import audit
from training.evaluation.evaluation import Evaluation, Selection, open_evaluation

Audited = tuple[Evaluation, str, dict[str, Any]]


@pytest.fixture(scope="module")
def audited(site: Selection) -> Audited:
    """The audit of these films, compared with themselves; what was printed, and audit.json."""
    console = Console(record=True, quiet=False, file=(site.data.parent / "printed").open("w"), width=200)
    with console.file:
        evaluation = open_evaluation(site, console)
        out = audit(evaluation, site.data.parent / "out", copies=site.data / "train", into_entry=True)
    return evaluation, console.export_text(), json.loads((out / "audit.json").read_text())


def test_the_audit_is_whole(audited: Audited, site: Selection) -> None:
    """The model, the films, every axis, four style transfers, both markers, both masks, the baselines."""
    _, _, content = audited
    manifest = find_entry(site.store, "pooled/1").manifest
    assert (content["model"], content["model_sha256"]) == ("pooled/1", manifest.sha256.model_keras)
    assert content["data_fingerprint"] == manifest.training_data.split.validation.fingerprint
    assert content["films"] == manifest.training_data.split.validation.films
    assert [len(axis["perturbed"]) for axis in content["axes"]] == [len(axis.steps) for axis in AXES]
    assert [baseline["name"] for baseline in content["baselines"]] == ["file", "statistics"]
    assert [each["name"] for each in content["markers"]] == [
        f"R top {corner}, {label}" for corner in ("left", "right") for label in ("NORMAL", "PNEUMONIA")
    ]
    assert len(content["styles"]) == 4
    assert len(content["masks"]) == 2
    steps = [step for axis in content["axes"] for step in axis["perturbed"]]
    for each in steps + content["styles"] + content["markers"] + content["masks"]:
        assert all(0 <= each[metric] <= 1 for metric in SHOWN_METRICS)
    criterion = content["robustness_criterion"]
    assert criterion["is_met"] == all(abs(change["by"]) <= 0.03 for change in criterion["worst"])


def test_sections_are_tables_of_words(audited: Audited) -> None:
    """Every row has as many cells as columns."""
    _, printed, content = audited
    assert len(content["sections"]) == 7
    for section in content["sections"]:
        assert set(section) == {"title", "text", "columns", "rows"}
        assert section["rows"]
        for row in section["rows"]:
            assert len(row) == len(section["columns"])
            assert all(isinstance(cell, str) for cell in row)
            assert row[0] in printed
        assert section["title"] in printed


def test_reading_at_the_size_of_the_audit_changes_no_metric_much(audited: Audited) -> None:
    """Unperturbed metrics are the evaluation's, to a film or two."""
    evaluation, _, content = audited
    metrics = replace(evaluation, console=QUIET).assessment.metrics["balanced"]
    for name in SHOWN_METRICS:
        assert content["unperturbed"][name]["value"] == pytest.approx(metrics[name].value, abs=0.1)


def test_a_marker_changes_the_metric_of_its_class_alone(audited: Audited) -> None:
    _, _, content = audited
    for each in content["markers"]:
        still = "sensitivity" if each["name"].endswith("NORMAL") else "specificity"
        assert each[still] == content["unperturbed"][still]["value"]


def test_identical_copies_differ_by_nothing(audited: Audited) -> None:
    """All pairs, the validation films separately; the unreadable one is counted."""
    evaluation, _, content = audited
    copies = content["copies"]
    assert copies["every"] == {"films": 24, "median": 0.0, "largest": 0.0, "classes_changed": 0}
    assert copies["evaluated"]["films"] == len(evaluation.films.labels) < 24
    assert copies["unreadable"] == 1


@pytest.mark.long
def test_the_audit_is_kept_beside_the_model_and_repeats_itself(
    audited: Audited, site: Selection, tmp_path: Path
) -> None:
    """The same bytes, and the entry still opens."""
    entry = find_entry(site.store, "pooled/1").folder
    audit(open_evaluation(site, QUIET), tmp_path, copies=site.data / "train")
    for name in ("audit.json", "audit.png"):
        assert (
            (entry / name).read_bytes()
            == (site.data.parent / "out" / name).read_bytes()
            == (tmp_path / name).read_bytes()
        )


def test_exactly_the_validation_films_are_read_again(site: Selection) -> None:
    """Those of the training's split, in order, with their patients."""
    dataset = read_dataset(site.data, **SIZE, patients=None, proportion=0.5, seed=4, console=QUIET)
    own = read_own_validation(find_entry(site.store, "pooled/1").manifest, site.data, None, QUIET)
    assert own.films.paths == dataset.validation.paths
    np.testing.assert_array_equal(own.patients.groups, dataset.validation_patients.groups)
    assert own.folder == site.data / "train"
    assert [file.path for file in own.unreadable] == ["NORMAL/broken.jpeg"]


def test_other_films_are_refused(site: Selection, tmp_path: Path) -> None:
    """The message names both sets by number and fingerprint."""
    write_kaggle_layout(tmp_path, 10)
    with pytest.raises(InvalidParameter, match=r"trained on: .*12, .* Received others: .*10, "):
        open_evaluation(replace(site, data=tmp_path), QUIET)


def test_another_split_is_refused(site: Selection, tmp_path: Path) -> None:
    """With a table of patients that the training had not."""
    table = tmp_path / "patients.csv"
    films = sorted((site.data / "train").glob("*/*.jpeg"))
    lines = [f"{film.parent.name}/{film.name},{number}" for number, film in enumerate(films)]
    table.write_text("\n".join(["path,patient", *lines]))
    with pytest.raises(InvalidParameter, match=r"Expected the split of pooled/1: by patient, from Kaggle"):
        open_evaluation(replace(site, patients=table), QUIET)


def test_a_model_that_was_trained_elsewhere_has_no_validation_films(site: Selection) -> None:
    with pytest.raises(InvalidParameter, match=r"Received dense/1, which does not"):
        open_evaluation(replace(site, model="dense/1"), QUIET)


def test_films_of_one_class_are_not_audited(site: Selection, tmp_path: Path) -> None:
    """Half of the metrics would be undefined."""
    shutil.copytree(site.data / "train" / "NORMAL", tmp_path / "NORMAL")
    with pytest.raises(PneumoServeError, match="films of one class: 13 of NORMAL and none of PNEUMONIA"):
        open_evaluation(Selection(tmp_path, site.store, "pooled/1"), QUIET)


def test_copies_without_a_namesake_are_refused(site: Selection, tmp_path: Path) -> None:
    """Before any film is perturbed."""
    write_kaggle_layout(tmp_path, 2, ("val", "test"), seed=50)
    for film in (tmp_path / "test").glob("*/*.jpeg"):
        film.rename(film.with_name(f"other-{film.name}"))
    with pytest.raises(InvalidParameter, match="Received none of that class and name"):
        audit(open_evaluation(site, QUIET), tmp_path / "out", copies=tmp_path / "test")
