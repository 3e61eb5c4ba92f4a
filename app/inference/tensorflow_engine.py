"""The reference engine: `model.keras` itself, under TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

# Keras reads its backend once, at import.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # after the environment it reads
import tensorflow as tf

from app.errors import ArtifactRefused
from app.inference.engine import Films, Floats, Maps, check_rows
from app.inference.keras_graph import NetworkWithMaps
from app.inference.manifest import MapsSpec
from app.names import EngineName


class TensorFlowEngine:
    """Traced once for any batch size; slower than OpenVINO, its reference."""

    name: EngineName = "tensorflow"

    def __init__(self, path: Path, maps: MapsSpec) -> None:
        try:
            network = keras.saving.load_model(path, compile=False)
            with_maps = NetworkWithMaps(network, maps)
        except (ValueError, OSError, KeyError, TypeError, AttributeError, BadZipFile) as error:
            reason = f"Expected a Keras model in {path.name} with the maps of its manifest. Keras refused it "
            raise ArtifactRefused(f"{reason}({type(error).__name__}).") from None
        _, height, width, _ = network.input_shape
        signature = [tf.TensorSpec((None, height, width, 1), tf.float32)]
        lean = keras.Model(network.inputs, network.get_layer("logit").output)
        self._lean = tf.function(lambda films: lean(films, training=False), input_signature=signature)
        self._full = tf.function(with_maps.call, input_signature=signature)
        self._maps = maps

    def logits(self, films: Films) -> Floats:
        """See `Engine.logits`."""
        return check_rows(films, np.asarray(self._lean(_as_input(films))))

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """See `Engine.maps`."""
        logit, *rest = (np.asarray(output) for output in self._full(_as_input(films)))
        has_cam = self._maps.cam is not None
        means = rest.pop() if self._maps.channel_means else None
        layer_outputs = rest[2:] if has_cam else rest
        return Maps(
            logits=check_rows(films, logit),
            cam=rest[0] if cam and has_cam else None,
            cam_bias=rest[1] if cam and has_cam else None,
            layers=dict(zip(self._maps.layers, layer_outputs, strict=True)) if layers else {},
            channel_means=means,
        )


def _as_input(films: Films) -> Any:
    return tf.convert_to_tensor(films[..., np.newaxis], tf.float32)
