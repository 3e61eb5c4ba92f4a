"""A finished run → what `model.json` records of its training."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import keras

from app.inference.artifact import find_entry, list_entries
from app.inference.training_record import Epoch, StyleTransfer, Training
from training.fitting.fit import Fitted
from training.networks.recipes import Recipe


def find_finished(fitted: Fitted, store: Path, name: str, command: str) -> Path | None:
    """Return the folder of the entry that this training has become already, if any."""
    for label in list_entries(store):
        if label.startswith(f"{name}/"):
            entry = find_entry(store, label)
            training = entry.manifest.training
            if not isinstance(training, Training) or training.command != command:
                continue
            if training.history == _record_history(fitted):
                return entry.folder
    return None


def record_training(fitted: Fitted, recipe: Recipe, command: str) -> Training:
    """Return the record of a training that `command` asked for."""
    optimizer, settings, style = fitted.model.optimizer, fitted.settings, recipe.style_transfer
    average = "the running average " if optimizer.use_ema else ""
    return Training(
        command=command,
        network=recipe.network,
        source=recipe.source,
        parameters=int(fitted.model.count_params()),
        backend=keras.backend.backend(),
        optimizer=type(optimizer).__name__,
        loss="binary_crossentropy",
        seed=settings["seed"],
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        reduce_lr=settings["reduce_lr"],
        augmentation=recipe.augmentation.describe() if recipe.augmentation else None,
        source_side=recipe.source_side,
        style_transfer=StyleTransfer(**style.describe()) if style else None,
        is_balanced=recipe.is_balanced,
        mixup=recipe.mixup,
        smoothing=recipe.smoothing,
        weights=f"{average}after the last epoch; none was chosen",
        machine=_describe_machine(),
        software={name: version(name) for name in ("tensorflow", "openvino", "numpy", "opencv-python-headless")},
        seconds=round(sum(metrics["seconds"] for metrics in fitted.history)),
        history=_record_history(fitted),
    )


def _record_history(fitted: Fitted) -> list[Epoch]:
    return [Epoch(**{key: round(value, 6) for key, value in metrics.items()}) for metrics in fitted.history]


def _describe_machine() -> str:
    """Return processor and cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
