"""`audit --explanations` checks the maps of a model, prints and keeps what it found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import pneumoserve
from app.errors import InvalidParameter
from tests.training.audit.conftest import QUIET
from training.audit.explanations import check_sum, measure_explanations, sample_films
from training.audit.explanations_record import EXPLANATIONS_FILE, Explanations, read_explanations
from training.audit.explanations_text import describe_explanations
from training.evaluation.evaluation import Selection, open_evaluation
from training.evaluation.logits import Cams
from training.reports.card import render_card

STORE = Path(__file__).parents[3] / "model_store"


@pytest.fixture(scope="module")
def lungs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lung network that takes what is dark for lung."""
    path = tmp_path_factory.mktemp("lungs") / "lungs.keras"
    film = keras.Input((80, 80, 1))
    keras.Model(film, keras.layers.Rescaling(-1 / 255, offset=1)(film)).save(path)
    return path


@pytest.fixture(scope="module")
def printed(site: Selection, lungs: Path) -> str:
    """What the command prints."""
    films = ["--data", str(site.data), "--split", "validation", "--model-store", str(site.store), "--model", "pooled/1"]
    checks = ["--explanations", "--lungs", str(lungs), "--into-entry", "--out", str(site.data.parent / "out")]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(pneumoserve.app, ["audit", *films, *checks])
    assert done.exit_code == 1, done.output  # a file is unreadable
    return done.stdout


@pytest.fixture(scope="module")
def found(site: Selection, printed: str) -> Explanations:
    """What it kept."""
    kept = read_explanations(site.data.parent / "out")
    assert kept is not None
    return kept


@pytest.mark.long
def test_the_model_and_its_films_are_named(site: Selection, found: Explanations) -> None:
    """As in audit.json; all are checked but for samples."""
    audit = json.loads((site.data.parent / "out" / "audit.json").read_text())
    for name in ("model", "model_sha256", "data", "data_fingerprint", "grouping"):
        assert getattr(found, name) == audit[name]
    films = sum(audit["films"].values())
    assert found.sum_check.films == films
    assert {each.films for each in found.stability} == {films}
    assert found.sum_check.largest_difference <= 1e-5
    assert found.lungs is not None
    assert found.lungs.without_lungs + sum(each.films for each in found.lungs.proportions) / 2 == films


@pytest.mark.long
def test_the_same_is_kept_beside_the_model(site: Selection, found: Explanations) -> None:
    assert read_explanations(site.store / "pooled" / "1") == found


@pytest.mark.long
def test_every_section_is_printed(found: Explanations, printed: str) -> None:
    """Every row has as many cells as columns."""
    sections = describe_explanations(found)
    assert len(sections) == 5
    for section in sections:
        assert section.title in printed
        assert section.rows
        for row in section.rows:
            assert len(row) == len(section.columns)
            assert row[0] in printed


@pytest.mark.long
def test_without_a_lung_network_its_section_says_so(site: Selection, found: Explanations) -> None:
    """All else stays."""
    alone = measure_explanations(open_evaluation(site, QUIET), None)
    assert alone.lungs is None
    assert alone.stability == found.stability
    assert "Not measured" in describe_explanations(alone)[-1].text


def test_a_sum_that_is_off_is_reported() -> None:
    """By its size, and in the title."""
    maps = np.zeros((2, 3, 3), np.float32)
    check = check_sum(Cams(np.array([0.5, 1.25], np.float32), maps), np.array([0.5, 1.0]))
    assert check.largest_difference == pytest.approx(0.25)
    assert check.largest_difference > check.allowed


@pytest.mark.long
def test_a_verdict_says_what_is_not_met(found: Explanations) -> None:
    check = found.sum_check.model_copy(update={"largest_difference": 0.002})
    steps = [step.model_copy(update={"is_below": number > 0}) for number, step in enumerate(found.randomisation.steps)]
    randomised = found.randomisation.model_copy(update={"steps": steps})
    changed = found.model_copy(update={"sum_check": check, "randomisation": randomised})
    titles = [section.title for section in describe_explanations(changed)]
    assert titles[0] == "Maps and the head's own bias sum to the logit: NOT met"
    assert titles[1].endswith("met after the last layer, NOT met after the top layer alone")


def test_a_sample_is_of_whole_patients() -> None:
    """No more films than asked for, in order, the same each time; a single patient is taken in any case."""
    groups = np.repeat(np.arange(20), 3)
    numbers = np.flatnonzero(groups % 2 == 0)
    chosen = sample_films(numbers, groups, 10)
    assert len(chosen) == 9
    assert (np.diff(chosen) > 0).all()
    assert set(chosen) <= set(numbers)
    assert [np.sum(groups[chosen] == patient) for patient in np.unique(groups[chosen])] == [3, 3, 3]
    np.testing.assert_array_equal(chosen, sample_films(numbers, groups, 10))
    assert len(sample_films(numbers, groups, 1)) == 3
    assert len(sample_films(numbers, groups, 100)) == 30


@pytest.mark.long
def test_a_model_without_an_exact_map_is_refused(site: Selection) -> None:
    """The message says how its maps are made."""
    evaluation = open_evaluation(Selection(site.data / "train", site.store, "tanh/1"), QUIET)
    with pytest.raises(InvalidParameter, match="Received tanh/1, whose maps are made by occlusion"):
        measure_explanations(evaluation, None)


@pytest.mark.long
def test_a_lung_network_without_the_checks_is_refused(site: Selection, lungs: Path) -> None:
    done = CliRunner().invoke(pneumoserve.app, ["audit", "--data", str(site.data), "--lungs", str(lungs)])
    assert done.exit_code == 2
    assert "Expected --explanations with --lungs" in done.stderr


@pytest.mark.long
def test_the_checks_stand_on_the_card(found: Explanations, tmp_path: Path) -> None:
    """Where the entry has some, of its own weights."""
    entry = Path(shutil.copytree(STORE / "article-cnn" / "1", tmp_path / "article-cnn" / "1"))
    (entry / EXPLANATIONS_FILE).unlink(missing_ok=True)
    assert "## Explanations" not in render_card(entry)
    (entry / EXPLANATIONS_FILE).write_text(found.model_dump_json())
    assert "## Explanations" not in render_card(entry)
    sha256 = json.loads((entry / "model.json").read_text())["sha256"]["model.keras"]
    (entry / EXPLANATIONS_FILE).write_text(found.model_copy(update={"model_sha256": sha256}).model_dump_json())
    card = render_card(entry)
    section = card.split("## Explanations\n")[1].split("## Outside data")[0]
    assert "### Maps and the head's own bias sum to the logit: met" in section
    assert "| JPEG quality 75 |" in section
    assert "| Whether explanations hold | Explanations |" in card
