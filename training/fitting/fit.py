"""A recipe and films → a trained network; killed and started again, it goes on after its last whole epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from training.data.films import Films
from training.fitting.batches import FilmBatches
from training.fitting.checkpoints import EpochFigures, RunFolder, Settings
from training.networks.recipes import Recipe


@dataclass(frozen=True)
class Fitted:
    """A network after its last epoch, the figures of every epoch, and the run's folder and settings."""

    model: keras.Model
    history: list[EpochFigures]
    folder: Path
    settings: Settings


def fit(
    recipe: Recipe,
    training: Films,
    validation: Films,
    *,
    runs: Path,
    seed: int,
    epochs: int,
    batch_size: int,
    reduce_lr: bool,
    console: Console,
) -> Fitted:
    """Train a network; the weights are those after the last epoch, none is chosen.

    Args:
        recipe: the network and its training.
        training: films to learn from, augmented.
        validation: films to watch, plain.
        runs: where run folders are kept; the same call with the same films resumes in the same folder.
        seed: of weights, order and augmentation.
        epochs: passes over the training films.
        batch_size: films a step.
        reduce_lr: divide the learning rate by 10 after 2 epochs whose validation loss is no better.
        console: for the progress bar and one line an epoch.
    """
    settings: Settings = {
        "network": recipe.network,
        "seed": seed,
        "epochs": epochs,
        "batch_size": batch_size,
        "reduce_lr": reduce_lr,
        "augmentation": recipe.augmentation.describe() if recipe.augmentation else None,
        "input": [recipe.height, recipe.width],
        "source_side": recipe.source_side,
        "style_transfer": recipe.style_transfer.describe() if recipe.style_transfer else None,
        "is_balanced": recipe.is_balanced,
        "mixup": recipe.mixup,
        "smoothing": recipe.smoothing,
        "training_films": training.fingerprint(),
        "validation_films": validation.fingerprint(),
    }
    folder = RunFolder(runs, settings)
    keras.utils.set_random_seed(seed)
    model, history = folder.restore(), folder.history()
    if model is None:
        model = recipe.build(recipe.height, recipe.width)
        steps = epochs * -(-len(training) // batch_size)
        model.compile(optimizer=recipe.optimizer(steps), loss="binary_crossentropy", metrics=["accuracy"])
    else:
        console.print(f"Resuming after epoch {len(history)} of {epochs} ({folder.path}).")
    if len(history) < epochs:
        batches = FilmBatches(training, batch_size, seed=seed, epoch=len(history), recipe=recipe)
        watched = FilmBatches(validation, batch_size, seed=seed, recipe=None)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as progress:
            plateau = [Plateau(history)] if reduce_lr else []
            keep = _KeepAndShow(folder, history, epochs, batches, progress, is_blended=recipe.is_blended)
            model.fit(
                batches,
                validation_data=watched,
                initial_epoch=len(history),
                epochs=epochs,
                shuffle=False,
                verbose=0,
                callbacks=[*plateau, keep],
            )
    if model.optimizer.use_ema:
        # `fit` does it too, but a run that is resumed after its last epoch never gets there.
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return Fitted(model, history, folder.path, settings)


class Plateau(keras.callbacks.ReduceLROnPlateau):  # type: ignore[misc]  # Keras ships no types
    """ReduceLROnPlateau that remembers the epochs before a resume."""

    def __init__(self, history: list[EpochFigures]) -> None:
        super().__init__(monitor="val_loss", factor=0.1, patience=2, min_lr=1e-6)
        self._before = list(history)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Live through the epochs before, and keep the rate that they ended with."""
        super().on_train_begin(logs)
        rate = float(self.model.optimizer.learning_rate)
        for epoch, figures in enumerate(self._before):
            self.on_epoch_end(epoch, dict(figures))
        self.model.optimizer.learning_rate = rate


class _KeepAndShow(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Saves every epoch and moves the progress bar."""

    def __init__(
        self,
        folder: RunFolder,
        history: list[EpochFigures],
        epochs: int,
        batches: FilmBatches,
        progress: Progress,
        *,
        is_blended: bool,
    ) -> None:
        super().__init__()
        self._is_blended = is_blended
        self._folder, self._history, self._epochs = folder, history, epochs
        self._batches, self._progress = batches, progress
        self._steps = len(batches)
        self._task: TaskID = progress.add_task("", total=epochs * self._steps, figures="")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._started = epoch, time.monotonic()
        # Read before ReduceLROnPlateau changes it: the rate that this epoch was trained at.
        self._rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {}).get("loss", float("nan"))
        speed = (batch + 1) * self._batches.batch_size / (time.monotonic() - self._started)
        self._progress.update(
            self._task,
            completed=self._epoch * self._steps + batch + 1,
            description=f"Epoch {self._epoch + 1}/{self._epochs}, batch {batch + 1}/{self._steps}",
            figures=f"loss {loss:.4f} · {speed:.0f} films/s",
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        seconds = time.monotonic() - self._started
        figures = {key: float(value) for key, value in (logs or {}).items()}
        figures |= {"epoch": epoch + 1, "learning_rate": self._rate, "seconds": round(seconds, 1)}
        self._history.append(figures)
        self._folder.save(self.model, self._history)
        accuracy = "" if self._is_blended else f", accuracy {figures['accuracy']:.4f}"
        self._progress.console.print(
            f"Epoch {epoch + 1:2d}/{self._epochs}: loss {figures['loss']:.4f}{accuracy}; "
            f"validation loss {figures['val_loss']:.4f}, accuracy {figures['val_accuracy']:.4f}; "
            f"rate {self._rate:g}; {seconds:.0f} s",
            soft_wrap=True,
        )
