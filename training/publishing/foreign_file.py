"""A file or folder from elsewhere → its Keras network, or why there is none."""

from __future__ import annotations

import re
import tempfile
import zipfile
from pathlib import Path
from typing import Literal

import keras

from app.errors import ArtifactRefused
from app.inference.keras_graph import Network

MAX_REASON = 300
"""Characters shown of Keras' messages, which can be forty lines of configuration."""

_WANTED = "Expected a network saved by Keras: a .keras file, or HDF5 (.h5)."
_SAVE_AGAIN = "Load it where it was made and save it again: model.save('network.keras')."
_NEXT_STEPS = {
    "Lambda|Could not locate|Unknown|not a KerasSaveable": " Only layers that come with Keras are taken over.",
    "No model config": f" It holds weights alone. {_SAVE_AGAIN}",
}
_HDF5 = b"\x89HDF\r\n\x1a\n"


def load_foreign(path: Path) -> Network:
    """Load a saved Keras network, not compiled. Its content decides what it is; code in it is not run.

    Args:
        path: a `.keras` file, one unpacked into a folder, or a whole model as HDF5.

    Raises:
        ArtifactRefused: no network; in one line, with Keras' own reason if any.
    """
    ending = _find_ending(path)
    with tempfile.TemporaryDirectory() as aside:
        # Keras goes by the ending; TensorFlow before 2.12 wrote HDF5 under `.keras`.
        named = Path(aside) / f"network{ending}"
        named.symlink_to(path.resolve())
        try:
            return keras.saving.load_model(named, compile=False, safe_mode=True)
        except Exception as error:  # a broken file can raise any kind
            reason = shorten_reason(error).replace(str(named), str(path))
    step = next((step for said, step in _NEXT_STEPS.items() if re.search(said, reason)), "")
    raise ArtifactRefused(f"Keras does not load this network: {reason}{step}")


def shorten_reason(error: Exception) -> str:
    """Return a Keras error's innermost reason as one line, without configuration."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).rpartition("Exception encountered:")[2]
    text = re.split(r"Full object config:|\bconfig=\{", text)[0]
    line = " ".join(text.split()) or type(error).__name__
    if len(line) > MAX_REASON:
        line = line[:MAX_REASON]
        sentences = line.rpartition(". ")[0]
        line = sentences if len(sentences) > MAX_REASON / 2 else f"{line.rpartition(' ')[0]} …"
    return line if line.endswith((".", "…")) else f"{line}."


def _find_ending(path: Path) -> Literal["", ".keras", ".h5"]:
    """Return the ending that Keras expects, from the first bytes; none for a folder."""
    try:
        if path.is_dir():
            return _find_folder(path)
        if path.exists() and not path.is_file():
            raise ArtifactRefused(f"{_WANTED} {path} is no file: a pipe cannot be read twice.")
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise ArtifactRefused(f"{_WANTED} There is no {path}.") from None
    except OSError as error:
        raise ArtifactRefused(f"{_WANTED} {path} cannot be read: {error.strerror}.") from None
    if start.startswith(_HDF5):
        return ".h5"
    if not start.startswith(b"PK"):
        raise ArtifactRefused(f"{_WANTED} Received {_name_kind(start)}.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise ArtifactRefused(f"{_WANTED} Received a damaged or incomplete .keras file: {error}.") from None
    if "config.json" in names:
        return ".keras"
    if any(name.endswith("data.pkl") for name in names):
        raise ArtifactRefused(f"{_WANTED} Received a PyTorch file: build the network in Keras, and copy its weights.")
    raise ArtifactRefused(f"{_WANTED} Received a ZIP archive without the config.json of one.")


def _find_folder(path: Path) -> Literal[""]:
    if (path / "saved_model.pb").is_file():
        raise ArtifactRefused(f"{_WANTED} Received a TensorFlow SavedModel, which Keras 3 does not load. {_SAVE_AGAIN}")
    if not (path / "config.json").is_file():
        raise ArtifactRefused(f"{_WANTED} Received a folder without a network in it.")
    return ""


def _name_kind(start: bytes) -> str:
    if not start:
        return "an empty file"
    if start[4:8] == b"TFL3":
        return f"a TensorFlow Lite file. {_SAVE_AGAIN[:-1]}"
    if start[:1] == b"\x80":
        return "a Python pickle, which is not opened, since it can run code"
    return "a file of another kind"
