"""A training on a folder and further sources resumes after a kill, and records where its films come from."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from rich.console import Console

from app.errors import PneumoServeError
from app.inference.artifact import find_entry
from app.inference.predictor import open_predictor
from tests.conftest import encode
from tests.drawn import write_kaggle_layout
from tests.training.drawn_sources import write_sources
from tests.training.tiny import TINY, Killed
from training.augmentation.acquisition import AcquisitionAugmentation
from training.augmentation.style import StyleTransfer
from training.networks.lungs import build_lung_network
from training.networks.pneumonet import build_pneumonet
from training.networks.source_recipe import SourceRecipe
from training.train import train
from training.train_options import TrainOptions

pytestmark = pytest.mark.long  # a training with two more networks beside

RECIPE = replace(
    TINY,
    build=lambda height, width: build_pneumonet(height, width, stages=((4, 1), (8, 1))),
    augmentation=AcquisitionAugmentation(width=64, height=64),
    style_transfer=StyleTransfer(),
    source_side=224,
    mixup=0.2,
    smoothing=0.05,
    has_gate=True,
    sources=SourceRecipe(
        epochs=2,
        films_an_epoch=24,
        teachers=(lambda height, width: build_pneumonet(height, width, stages=((6, 1), (8, 1))),) * 2,
    ),
)


class Trained(NamedTuple):
    """The options of a training, the content of `model.json`, and what the call printed that finished it."""

    options: TrainOptions
    content: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A tiny network, killed while its second epoch was saved, and trained to its end by the same call."""
    folder = tmp_path_factory.mktemp("sources")
    write_kaggle_layout(folder / "data", 8)
    table = write_sources(folder / "more", 8)
    keras.utils.set_random_seed(1)
    build_lung_network().save(folder / "lungs.keras")
    options = TrainOptions(
        str(folder / "data"),
        folder / "store",
        folder / "runs",
        sources=table,
        lungs=folder / "lungs.keras",
        test_sources=table,
        unsuitable=write_noise(folder / "unsuitable"),
        validation_share=0.25,
        batch_size=8,
    )
    move = Path.replace

    def die_before_the_second(aside: Path, target: Path) -> Path:
        if target.name == "history.json" and target.exists():
            raise Killed
        return move(aside, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", die_before_the_second)
        with pytest.raises(Killed):
            train(options, RECIPE, Console(quiet=True))
    console = Console(record=True, file=io.StringIO(), width=200)
    entry = train(options, RECIPE, console)
    return Trained(options, json.loads((entry / "model.json").read_text()), console.export_text())


def write_noise(folder: Path) -> Path:
    """Write six images of noise."""
    (folder / "noise").mkdir(parents=True)
    for seed in range(6):
        noise = np.random.default_rng(seed).integers(0, 256, (90, 90), dtype=np.uint8)
        (folder / "noise" / f"{seed}.png").write_bytes(encode(noise, ".png"))
    return folder


def test_a_killed_training_resumes(trained: Trained) -> None:
    """After its last whole epoch, with the history before it, for as many epochs as the recipe has for sources."""
    assert "Resuming after epoch 1 of 2" in trained.printed
    assert [epoch["epoch"] for epoch in trained.content["training"]["history"]] == [1, 2]


def test_the_entry_records_its_sources(trained: Trained) -> None:
    """By class and role, with terms and the lung network; the folder's films stay apart."""
    data = trained.content["training_data"]
    assert data["films"] == {"NORMAL": 8, "PNEUMONIA": 8}
    assert data["licence"] == "CC BY 4.0"
    assert len(data["sources"]["lung_network"]) == 64
    sources = {source["name"]: source for source in data["sources"]["sources"]}
    counts = {
        name: {label: sum(source[role][label] for role in ("training", "validation")) for label in source["training"]}
        for name, source in sources.items()
    }
    assert counts == {
        "here": {"NORMAL": 8, "PNEUMONIA": 0},
        "lungs": {"NORMAL": 8, "PNEUMONIA": 8},
        "there": {"NORMAL": 0, "PNEUMONIA": 8},
    }
    assert {terms for source in sources.values() for terms in source["licences"]} == {"CC0"}


def test_the_entry_records_how_films_were_sampled_and_changed(trained: Trained) -> None:
    """By each probability; and the command names table and network."""
    sampling = trained.content["training_data"]["sources"]["sampling"]
    amounts = {name: sampling[name] for name in ("films_an_epoch", "p_child", "p_lungs", "child_p_swapped")}
    assert amounts == {"films_an_epoch": 24, "p_child": 0.5, "p_lungs": 0.5, "child_p_swapped": 0.25}
    assert "teachers" not in sampling
    training = trained.content["training"]
    assert training["teachers"] == 2
    assert training["backend"].startswith("tensorflow 2.")
    # Of the student alone, not of three networks.
    assert all(0.2 < epoch["loss"] < 1.5 for epoch in training["history"])
    assert "--sources sources.csv --lungs lungs.keras" in trained.content["training"]["command"]


def test_the_entry_has_a_gate_and_its_rates(trained: Trained) -> None:
    """Of every population, of what was made unsuitable, and of both halves of the other images."""
    predictor = open_predictor(trained.options.store, "tiny-cnn")
    assert predictor.gate is not None
    assert predictor.gate.spec.populations == [
        "NORMAL",
        "PNEUMONIA",
        "adult, here, NORMAL",
        "adult, there, PNEUMONIA",
    ]
    rates = trained.content["metrics"]["gate"]
    assert "NORMAL, unperturbed" in rates["false_alarms"]
    assert {"inverted", "blank", "noise"} <= set(rates["detection"])
    assert [rates[part]["noise"]["images"] for part in ("detection", "held_out")] == [3, 3]


def test_further_sources_are_measured_apart(trained: Trained) -> None:
    """Those of validation, and those of the held-out test evaluation; each with the gate's proportion."""
    metrics = trained.content["metrics"]
    assert {part["source"] for part in metrics["sources"]} <= {"here", "there"}
    tested = {part["source"]: part for part in metrics["test_sources"] if not part["view"]}
    assert {name: part["films"] for name, part in tested.items()} == {
        "here": {"NORMAL": 8, "PNEUMONIA": 0},
        "there": {"NORMAL": 0, "PNEUMONIA": 8},
    }
    assert all(0 <= part["gate_flagged"] <= 1 for part in tested.values())
    command = trained.content["training"]["command"]
    assert "--test-sources sources.csv --unsuitable unsuitable" in command


def test_the_terms_of_the_weights_stand_in_the_entry(trained: Trained) -> None:
    """With each source."""
    text = (trained.options.store / "tiny-cnn" / "1" / "LICENSE.md").read_text()
    assert "| here | CC0 |" in text


def test_the_record_is_read_again(trained: Trained) -> None:
    """As types."""
    facts = find_entry(trained.options.store, "tiny-cnn").manifest.training_data
    assert facts is not None
    assert facts.sources is not None
    assert facts.sources.sources[1].name == "lungs"
    assert facts.sources.validation_proportion == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lungs": None}, "--sources and --lungs together. Received --sources alone"),
        ({"sources": None}, "--sources and --lungs together. Received --lungs alone"),
        ({"lungs": Path("none.keras")}, "There is no file none.keras"),
        ({"unsuitable": Path("none")}, "a folder of images, one subfolder a kind"),
        ({"test_sources": Path("none.csv")}, "Expected a CSV of sources"),
    ],
)
def test_sources_need_a_lung_network(trained: Trained, changes: dict[str, Path | None], message: str) -> None:
    """What is missing shows before any film is read."""
    with pytest.raises(PneumoServeError, match=message):
        train(replace(trained.options, data="nowhere", **changes), RECIPE, Console(quiet=True))


def test_a_network_without_a_recipe_for_sources_takes_none(trained: Trained) -> None:
    """Such as the article's."""
    with pytest.raises(PneumoServeError, match=r"a network that trains on several sources. Received 'tiny'"):
        train(trained.options, replace(RECIPE, sources=None), Console(quiet=True))
