"""A training that is killed goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.drawn import write_kaggle_layout
from tests.training.tiny import TINY
from training.augmentation.affine import AffineAugmentation
from training.augmentation.style import StyleBank, StyleTransfer, transfer_style
from training.data.films import Films, read_films
from training.data.listing import list_films
from training.fitting.batches import FilmBatches
from training.fitting.fit import Fitted, Plateau, fit

QUIET = Console(quiet=True)
EPOCHS = 15
ROOT = Path(__file__).parents[3]
TRAIN = """
import sys
from pathlib import Path
from tests.training.fitting.test_fit import EPOCHS, read, run
run(read(Path(sys.argv[1])), Path(sys.argv[2]), epochs=EPOCHS)
"""


def read(folder: Path) -> Films:
    """Read at the tiny network's size."""
    return read_films(list_films(folder, "train"), width=64, height=64)


def run(films: Films, runs: Path, epochs: int, reduce_lr: bool = False) -> Fitted:
    """Train the tiny network; the validation films don't matter here."""
    return fit(TINY, films, films, runs=runs, seed=1, epochs=epochs, batch_size=16, reduce_lr=reduce_lr, console=QUIET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sixteen drawn films: one batch an epoch."""
    folder = tmp_path_factory.mktemp("films")
    write_kaggle_layout(folder, 8)
    return folder


def test_killed_run_resumes_with_its_whole_history(folder, tmp_path):
    """After kill -9 the same call keeps the epochs that were done, and adds those that were not."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(folder), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("tiny-*/history.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (path,) = tmp_path.glob("tiny-*")
    before = json.loads((path / "history.json").read_text())
    assert 0 < len(before) < EPOCHS
    fitted = run(read(folder), tmp_path, EPOCHS)
    assert fitted.folder == path
    assert fitted.history[: len(before)] == before
    assert [figures["epoch"] for figures in fitted.history] == list(range(1, EPOCHS + 1))
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"} <= set(fitted.history[-1])
    assert int(fitted.model.optimizer.iterations) == EPOCHS
    assert [file.name for file in path.glob("*.keras")] == [f"epoch-{EPOCHS:03d}.keras"]


def test_finished_run_is_not_trained_again(folder, tmp_path):
    """The same call after the end answers the same weights at once."""
    first = run(read(folder), tmp_path, 2)
    again = run(read(folder), tmp_path, 2)
    assert again.history == first.history
    for one, other in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_settings_are_another_run(folder, tmp_path):
    """Nothing of a run with another number of epochs is taken over."""
    films = read(folder)
    assert run(films, tmp_path, 1).folder != run(films, tmp_path, 2).folder


def test_plateau_is_remembered_over_a_resume(tmp_path):
    """One more bad epoch after a resume lowers the rate, where the last two before it were bad."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.RMSprop(0.01), loss="mse")
    plateau = Plateau([{"val_loss": 0.5}, {"val_loss": 0.6}])
    plateau.set_model(model)
    plateau.on_train_begin()
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    plateau.on_epoch_end(2, {"val_loss": 0.7})
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


def test_batches_hold_every_film_once_an_epoch(folder):
    """Each epoch is another order of all films, and the labels stay with their films."""
    films = read(folder)
    batches = FilmBatches(films, 5, seed=1, recipe=None)
    epochs = []
    for _ in range(2):
        pairs = [batches[index] for index in range(len(batches))]
        pixels = np.concatenate([pair[0] for pair in pairs])[..., 0]
        labels = np.concatenate([pair[1] for pair in pairs])[:, 0]
        order = [int(np.flatnonzero((films.pixels == film).all(axis=(1, 2)))[0]) for film in pixels]
        assert sorted(order) == list(range(len(films)))
        np.testing.assert_array_equal(labels, films.labels[order])
        epochs.append(order)
        batches.on_epoch_end()
    assert epochs[0] != epochs[1]


def test_batch_depends_on_seed_epoch_and_number_alone(folder):
    """A resumed run augments its next epoch as an unbroken one would have."""
    films = read(folder)
    unbroken = FilmBatches(films, 5, seed=1, recipe=TINY)
    unbroken.on_epoch_end()
    resumed = FilmBatches(films, 5, seed=1, epoch=1, recipe=TINY)
    _ = resumed[0]
    np.testing.assert_array_equal(unbroken[2][0], resumed[2][0])


def test_balanced_batches_hold_both_classes_alike(folder):
    """The rarer class is drawn more often, and each of its films as often as any other."""
    films = read(folder)
    rare = films.take(np.flatnonzero((films.labels == 1) | (np.cumsum(films.labels == 0) <= 5)))
    batches = FilmBatches(rare, 1000, seed=1, recipe=replace(TINY, augmentation=None, is_balanced=True))
    pixels, labels = batches[0]
    counts = [int((pixels[..., 0] == film).all(axis=(1, 2)).sum()) for film in rare.pixels[rare.labels == 0]]

    assert labels.mean() == 0.5
    assert max(counts) - min(counts) <= 1


def test_mixed_films_have_mixed_labels(folder):
    """Mixup and smoothing leave labels strictly between the classes, and their mean as it was."""
    films = read(folder)
    recipe = replace(TINY, augmentation=None, mixup=1.0, smoothing=0.1)
    _, labels = FilmBatches(films, len(films), seed=1, recipe=recipe)[0]

    assert 0.05 - 1e-6 <= labels.min() < labels.max() <= 0.95 + 1e-6
    assert ((labels > 0.06) & (labels < 0.94)).any()


def test_a_film_is_mixed_as_its_label_is():
    """Films of gray 0 and 200 come out as gray as their labels say, in fractions of a level."""
    labels = np.arange(12, dtype=np.uint8) % 2
    paths = tuple(map(str, range(12)))
    films = Films(paths, np.full((12, 8, 9), 200, np.uint8) * labels[:, None, None], labels, paths, np.zeros((12, 3)))
    batch, mixed = FilmBatches(films, 12, seed=1, recipe=replace(TINY, augmentation=None, mixup=1.0))[0]

    assert (batch.shape, batch.dtype) == ((12, 8, 9, 1), np.float32)
    np.testing.assert_allclose(batch, np.broadcast_to(200 * mixed[..., None, None], batch.shape), atol=1e-3)
    assert np.any(np.abs(batch - batch.round()) > 0.1)


def test_each_film_borrows_by_its_own_look(folder):
    """A batch is what films one by one become, each told by its own number among all of them."""
    films = read(folder)
    recipe = replace(TINY, augmentation=AffineAugmentation(0, 0, 0), style_transfer=StyleTransfer(1.0, 1.0))
    batches = FilmBatches(films, len(films), seed=1, recipe=recipe)
    batch = batches[0][0][..., 0]
    styles, rng = StyleBank(films.pixels, films.labels), np.random.default_rng([1, 0, 0])
    for changed, number in zip(batch, batches._order, strict=True):
        assert recipe.style_transfer.sample(rng) == (1.0, 1.0)
        np.testing.assert_array_equal(changed, transfer_style(films.pixels[number], styles.sample(rng)))
        AffineAugmentation(0, 0, 0).draw(64, 64, rng)


def test_the_running_average_of_the_weights_is_what_is_kept(folder, tmp_path):
    """An optimizer that averages ends with its average, in a fresh run and in one resumed after its end."""
    films = read(folder)
    recipe = replace(
        TINY,
        optimizer=lambda _steps: keras.optimizers.Adam(
            3e-3, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=None
        ),
    )
    arguments = {"runs": tmp_path, "seed": 1, "epochs": 2, "batch_size": 16, "reduce_lr": False, "console": QUIET}
    first = fit(recipe, films, films, **arguments).model.get_weights()
    again = fit(recipe, films, films, **arguments).model.get_weights()
    last = keras.models.load_model(next(tmp_path.glob("*/epoch-002.keras"))).get_weights()

    for weight, resumed in zip(first, again, strict=True):
        np.testing.assert_allclose(weight, resumed, atol=1e-6)
    assert not all(np.allclose(weight, raw, atol=1e-6) for weight, raw in zip(first, last, strict=True))
