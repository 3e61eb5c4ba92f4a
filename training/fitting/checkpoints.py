"""The folder of a training run: settings, history and platform, the last checkpoint or the trained network."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from platform import machine
from typing import Any, TypedDict

import keras


class Platform(TypedDict):
    """What the last epoch ran on: Keras' backend with its version, and the processors."""

    backend: str
    hardware: str


Settings = dict[str, Any]
EpochMetrics = dict[str, float]

_FINISHED = "finished.keras"


class RunFolder:
    """A run that, killed at any moment, resumes after its last whole epoch.

    `history.json` is replaced last; its length names its checkpoint. In the end `finished.keras` takes its place.
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
        _replace(self.path / "platform.json", json.dumps(_describe_platform()) + "\n")
        _replace(self.path / "history.json", json.dumps(history, indent=1) + "\n")
        self._delete_checkpoints(but=checkpoint)

    def restore(self) -> keras.Model | None:
        """Read network and optimizer after the last whole epoch; None before the first."""
        epochs = len(self.history())
        return keras.models.load_model(self._checkpoint(epochs)) if epochs else None

    def finish(self, network: keras.Model) -> None:
        """Write the trained network, without its optimizer, and delete the last checkpoint."""
        aside = self.path / "writing-finished.keras"
        keras.Model(network.inputs, network.outputs, name=network.name).save(aside)
        aside.replace(self.path / _FINISHED)
        self._delete_checkpoints()

    def finished(self) -> keras.Model | None:
        """Read the trained network; None before the end."""
        path = self.path / _FINISHED
        if not path.exists():
            return None
        # A kill may have left them.
        self._delete_checkpoints()
        return keras.models.load_model(path)

    def platform(self) -> Platform:
        """Read what the last epoch ran on, once there was one."""
        platform: Platform = json.loads((self.path / "platform.json").read_text())
        return platform

    def _delete_checkpoints(self, but: Path | None = None) -> None:
        for old in self.path.glob("epoch-*.keras"):
            if old != but:
                old.unlink()

    def _checkpoint(self, epochs: int) -> Path:
        return self.path / f"epoch-{epochs:03d}.keras"


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f"writing-{path.name}")
    with aside.open("w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)


def _describe_platform() -> Platform:
    backend = keras.backend.backend()
    return Platform(backend=f"{backend} {version(backend)}", hardware=_describe_hardware())


def _describe_hardware() -> str:
    """Return processor and cores, and accelerators where Keras can name them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    try:
        devices = keras.distribution.list_devices()
    except (AttributeError, NotImplementedError):  # of PyTorch Keras knows none
        devices = []
    accelerators = [device for device in devices if not device.startswith("cpu")]
    return ", ".join([f"{os.cpu_count()} cores of {names[0] if names else machine()}", *accelerators])
