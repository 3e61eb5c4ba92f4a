"""The folder of a training run: settings, history, last checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any, TypedDict

import keras


class Machine(TypedDict):
    """What a network was trained on."""

    backend: str
    machine: str


Settings = dict[str, Any]
EpochMetrics = dict[str, float]

_FINISHED = "finished.keras"


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

    def finish(self, network: keras.Model) -> None:
        """Write the trained network, without its optimizer, and this machine; delete the last checkpoint."""
        here = Machine(backend=keras.backend.backend(), machine=_describe_machine())
        _replace(self.path / "machine.json", json.dumps(here) + "\n")
        aside = self.path / "writing-finished.keras"
        network.save(aside, include_optimizer=False)
        aside.replace(self.path / _FINISHED)
        for old in self.path.glob("epoch-*.keras"):
            old.unlink()

    def finished(self) -> keras.Model | None:
        """Read the trained network; None before the end."""
        path = self.path / _FINISHED
        return keras.models.load_model(path, compile=False) if path.exists() else None

    def machine(self) -> Machine:
        """Read what the trained network was trained on."""
        machine: Machine = json.loads((self.path / "machine.json").read_text())
        return machine

    def _checkpoint(self, epochs: int) -> Path:
        return self.path / f"epoch-{epochs:03d}.keras"


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f"writing-{path.name}")
    with aside.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)


def _describe_machine() -> str:
    """Return processor and cores, and accelerators."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    accelerators = [device for device in keras.distribution.list_devices() if not device.startswith("cpu")]
    return ", ".join([f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}", *accelerators])
