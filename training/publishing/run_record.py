"""A finished run → what `model.json` records of its training."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

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
    optimizer, settings, style = recipe.optimizer(1), fitted.settings, recipe.style_transfer
    average = "the running average " if optimizer.use_ema else ""
    return Training(
        command=command,
        network=recipe.network,
        source=recipe.source,
        parameters=int(fitted.model.count_params()),
        backend=fitted.platform["backend"],
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
        teachers=settings.get("teachers", {}).get("count", 0),
        weights=f"{average}after the last epoch; none was chosen",
        machine=fitted.platform["hardware"],
        software={name: version(name) for name in ("tensorflow", "openvino", "numpy", "opencv-python-headless")},
        seconds=round(sum(metrics["seconds"] for metrics in fitted.history)),
        history=_record_history(fitted),
    )


def _record_history(fitted: Fitted) -> list[Epoch]:
    return [Epoch(**{key: round(value, 6) for key, value in metrics.items()}) for metrics in fitted.history]
