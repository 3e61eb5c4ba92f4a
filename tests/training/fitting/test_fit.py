"""A training that is killed resumes after its last whole epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.drawn import write_kaggle_layout
from tests.training.tiny import TINY, Killed
from training.data.films import Films, read_films
from training.data.listing import list_films
from training.fitting.callbacks import Plateau
from training.fitting.checkpoints import RunFolder
from training.fitting.fit import Fitted, fit
from training.networks.pneumonet import build_pneumonet
from training.networks.recipes import Recipe

EPOCHS = 4
ROOT = Path(__file__).parents[3]
DIE_IN_THIRD_EPOCH = """
import json, os, signal, sys
from pathlib import Path
from tests.training.fitting.test_fit import EPOCHS, read, run

replace = Path.replace
def die_before_the_third(aside, target):
    if target.name == "history.json" and target.exists() and len(json.loads(target.read_text())) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(aside, target)
Path.replace = die_before_the_third
run(read(Path(sys.argv[1])), Path(sys.argv[2]), EPOCHS)
"""


def read(folder: Path) -> Films:
    """Read films at the tiny network's size."""
    return read_films(list_films(folder, "train"), width=64, height=64)


def run(films: Films, runs: Path, epochs: int, recipe: Recipe = TINY) -> Fitted:
    """Train a network; the same films serve for validation."""
    quiet = Console(quiet=True)
    return fit(recipe, films, films, runs=runs, seed=1, epochs=epochs, batch_size=16, reduce_lr=False, console=quiet)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen drawn films: one batch an epoch."""
    folder = tmp_path_factory.mktemp("films")
    write_kaggle_layout(folder, 8)
    return folder


@pytest.mark.long
def test_a_killed_run_resumes_with_its_whole_history(folder: Path, tmp_path: Path) -> None:
    """After kill -9 while the third epoch is saved, the same call keeps the two before and repeats the third."""
    script = [sys.executable, "-c", DIE_IN_THIRD_EPOCH, str(folder), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(script, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, check=False)
    assert killed.returncode == -signal.SIGKILL
    (path,) = tmp_path.glob("tiny-*")
    assert sorted(file.name for file in path.glob("*.keras")) == ["epoch-002.keras", "epoch-003.keras"]

    fitted = run(read(folder), tmp_path, EPOCHS)
    unbroken = run(read(folder), tmp_path / "unbroken", EPOCHS)

    assert fitted.folder == path
    assert [metrics["epoch"] for metrics in fitted.history] == list(range(1, EPOCHS + 1))
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"} == set(fitted.history[-1]) - {
        "epoch"
    }
    for metrics, expected in zip(fitted.history[:2], unbroken.history[:2], strict=True):
        assert metrics["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    assert int(fitted.model.optimizer.iterations) == EPOCHS
    assert [file.name for file in path.glob("*.keras")] == ["finished.keras"]


def test_a_finished_run_is_not_trained_again(folder: Path, tmp_path: Path) -> None:
    """The same call after the end returns the same weights."""
    first = run(read(folder), tmp_path, 2)
    again = run(read(folder), tmp_path, 2)
    assert again.history == first.history
    for one, other in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.long
def test_other_settings_are_another_run(folder: Path, tmp_path: Path) -> None:
    """Nothing of a run with another number of epochs or another recipe is taken over."""
    films = read(folder)
    first, longer = run(films, tmp_path, 1), run(films, tmp_path, 2)
    smoothed = run(films, tmp_path, 1, replace(TINY, smoothing=0.1))
    assert len({first.folder, longer.folder, smoothed.folder}) == 3
    assert len(longer.history) == 2


def test_a_plateau_spans_a_resume() -> None:
    """One more bad epoch after a resume lowers the rate, where the last one before it was bad."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.RMSprop(0.01), loss="mse")
    plateau = Plateau([{"val_loss": 0.5}, {"val_loss": 0.6}])
    plateau.set_model(model)
    plateau.on_train_begin()
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    plateau.on_epoch_end(2, {"val_loss": 0.7})
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


@pytest.mark.long
def test_the_moving_average_of_the_weights_is_kept(folder: Path, tmp_path: Path) -> None:
    """An optimizer that averages ends with its average, in a fresh run and in one resumed after its last epoch."""
    films = read(folder)
    average = {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": None}
    recipe = replace(TINY, optimizer=lambda _steps: keras.optimizers.Adam(3e-3, **average))

    def die(_folder: RunFolder, _network: keras.Model) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "finish", die)
        with pytest.raises(Killed):
            run(films, tmp_path, 2, recipe)
    last = keras.models.load_model(next(tmp_path.glob("*/epoch-002.keras"))).get_weights()
    resumed = run(films, tmp_path, 2, recipe).model.get_weights()
    fresh = run(films, tmp_path / "fresh", 2, recipe).model.get_weights()
    read_again = run(films, tmp_path, 2, recipe).model.get_weights()
    for weight, after_resume, finished in zip(fresh, resumed, read_again, strict=True):
        np.testing.assert_allclose(weight, after_resume, atol=1e-6)
        np.testing.assert_array_equal(after_resume, finished)
    assert not all(np.allclose(weight, raw, atol=1e-6) for weight, raw in zip(fresh, last, strict=True))


@pytest.mark.long
def test_a_network_of_another_size_is_another_run(folder: Path, tmp_path: Path) -> None:
    """Else an old folder would be resumed, or taken for finished, with the network before a change."""
    films = read(folder)
    smaller = replace(TINY, build=lambda height, width: build_pneumonet(height, width, stem=2, stages=((2, 1),)))
    assert run(films, tmp_path, 1).folder != run(films, tmp_path, 1, smaller).folder
