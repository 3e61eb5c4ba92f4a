"""Learning rate, checkpoint and progress, after each batch and epoch."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from training.fitting.batches import FilmBatches, SourceBatches
from training.fitting.checkpoints import EpochMetrics, RunFolder


def open_progress(console: Console) -> Progress:
    """Return a bar that vanishes when done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)


class Plateau(keras.callbacks.ReduceLROnPlateau):  # type: ignore[misc]  # Keras ships no types
    """ReduceLROnPlateau that remembers the epochs before a resume."""

    def __init__(self, history: list[EpochMetrics]) -> None:
        """Take earlier epochs' metrics."""
        super().__init__(monitor="val_loss", factor=0.1, patience=2, min_lr=1e-6)
        self._before = list(history)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Replay earlier epochs, and restore their last rate."""
        super().on_train_begin(logs)
        rate = float(self.model.optimizer.learning_rate)
        for epoch, metrics in enumerate(self._before):
            self.on_epoch_end(epoch, dict(metrics))
        self.model.optimizer.learning_rate = rate


class KeepEpochs(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Saves the network and its history after each epoch."""

    def __init__(self, folder: RunFolder, history: list[EpochMetrics]) -> None:
        """Append to `history`, which holds earlier epochs."""
        super().__init__()
        self._folder, self._history = folder, history

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the rate before `Plateau` reduces it."""
        self._started = time.monotonic()
        self._rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the epoch."""
        metrics = {key: float(value) for key, value in (logs or {}).items()}
        seconds = round(time.monotonic() - self._started, 1)
        self._history.append(metrics | {"epoch": epoch + 1, "learning_rate": self._rate, "seconds": seconds})
        self._folder.save(self.model, self._history)


class ShowProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Moves a bar, and prints a line an epoch; comes after `KeepEpochs`."""

    def __init__(
        self,
        history: list[EpochMetrics],
        epochs: int,
        batches: FilmBatches | SourceBatches,
        progress: Progress,
        *,
        is_blended: bool,
    ) -> None:
        """Add a task to the bar; `is_blended` leaves out training accuracy."""
        super().__init__()
        self._history, self._epochs, self._batches, self._is_blended = history, epochs, batches, is_blended
        self._steps = len(batches)
        self._progress = progress
        self._task = progress.add_task("", total=epochs * self._steps, speed="")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._epoch, self._started = epoch, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the bar."""
        loss = (logs or {}).get("loss", float("nan"))
        speed = (batch + 1) * self._batches.batch_size / (time.monotonic() - self._started)
        self._progress.update(
            self._task,
            completed=self._epoch * self._steps + batch + 1,
            description=f"Epoch {self._epoch + 1}/{self._epochs}, batch {batch + 1}/{self._steps}",
            speed=f"loss {loss:.4f} · {speed:.0f} films/s",
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Print the epoch's metrics."""
        metrics = self._history[-1]
        accuracy = "" if self._is_blended else f", accuracy {metrics['accuracy']:.4f}"
        self._progress.console.print(
            f"Epoch {epoch + 1:2d}/{self._epochs}: loss {metrics['loss']:.4f}{accuracy}; "
            f"validation loss {metrics['val_loss']:.4f}, accuracy {metrics['val_accuracy']:.4f}; "
            f"rate {metrics['learning_rate']:g}; {metrics['seconds']:.0f} s",
            soft_wrap=True,
        )
