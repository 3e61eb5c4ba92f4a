"""The folder of a training run: settings, history, last checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import keras

Settings = dict[str, Any]
EpochMetrics = dict[str, float]


class RunFolder:
    """A run that, killed at any moment, resumes after its last whole epoch.

    `history.json` is replaced last; its length names its checkpoint.
    """

    def __init__(self, parent: Path, settings: Settings) -> None:
        """Open or make the folder, named by network and hash of settings."""
        text = json.dumps(settings, indent=1, sort_keys=True)
        self.path = parent / f"{settings['network']}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        self.path.mkdir(parents=True, exist_ok=True)
        _replace(self.path / "settings.json", text + "\n")

    def history(self) -> list[EpochMetrics]:
        """Read the metrics of finished epochs, oldest first."""
        try:
            history: list[EpochMetrics] = json.loads((self.path / "history.json").read_text())
        except FileNotFoundError:
            return []
        return history

    def save(self, model: keras.Model, history: list[EpochMetrics]) -> None:
        """Write network, optimizer and history after an epoch; delete the checkpoint before."""
        checkpoint = self._checkpoint(len(history))
        aside = checkpoint.with_name(f"writing-{checkpoint.name}")
        model.save(aside)
        aside.replace(checkpoint)
        _replace(self.path / "history.json", json.dumps(history, indent=1) + "\n")
        for old in self.path.glob("epoch-*.keras"):
            if old != checkpoint:
                old.unlink()

    def restore(self) -> keras.Model | None:
        """Read network and optimizer after the last whole epoch; None before the first."""
        epochs = len(self.history())
        return keras.models.load_model(self._checkpoint(epochs)) if epochs else None

    def _checkpoint(self, epochs: int) -> Path:
        return self.path / f"epoch-{epochs:03d}.keras"


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f"writing-{path.name}")
    with aside.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)
