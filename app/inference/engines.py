"""An engine's name → the engine, its library imported on opening."""

from __future__ import annotations

from pathlib import Path

from app.errors import ModelError
from app.inference.engine import Engine
from app.inference.manifest import MapsSpec
from app.inference.openvino_engine import OpenVINOEngine
from app.names import EngineName


def open_engine(name: EngineName, folder: Path, maps: MapsSpec) -> Engine:
    """Load an entry's network: `openvino` reads `serving/`, `tensorflow` (extra `train`) `model.keras`.

    Raises:
        ModelError: the engine's package is not installed.
        ArtifactRefused: the engine cannot read the files.
    """
    if name == "openvino":
        return OpenVINOEngine(folder / "serving" / "model.xml", maps)
    try:
        from app.inference.tensorflow_engine import TensorFlowEngine
    except ModuleNotFoundError as error:
        message = (
            f"The TensorFlow engine needs {error.name}, which is not installed: run `make install-train`, "
            "or set PNEUMOSERVE_ENGINE=openvino."
        )
        raise ModelError(message) from None
    return TensorFlowEngine(folder / "model.keras", maps)
