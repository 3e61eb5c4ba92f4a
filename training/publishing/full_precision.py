"""A Keras network of any precision → the same in float32, as both engines compute."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from app.errors import ArtifactRefused
from app.inference.keras_graph import Network

_FLOATS = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")


def to_float32(network: Network) -> Network:
    """Return a network that computes in float32: itself if it does already, else a copy.

    Raises:
        ArtifactRefused: its weights are integers.
    """
    config = keras.saving.serialize_keras_object(network)
    changed = _change(config)
    if changed == config:
        return network
    copy = keras.saving.deserialize_keras_object(changed)
    copy.set_weights([np.asarray(weights, np.float32) for weights in network.get_weights()])
    return copy


def _change(part: Any) -> Any:
    """Return part of a configuration with float32 for any other precision."""
    if isinstance(part, (list, tuple)):
        return type(part)(_change(item) for item in part)
    if not isinstance(part, dict):
        return part
    kind = part.get("class_name")
    if isinstance(kind, str) and kind.endswith("DTypePolicy"):
        if kind != "DTypePolicy":
            raise ArtifactRefused(f"Expected weights that are floats. This network has the policy {kind}.")
        return part | {"config": {"name": "float32"}} if part["config"]["name"] in _FLOATS else part
    return {key: "float32" if key == "dtype" and item in _FLOATS else _change(item) for key, item in part.items()}
