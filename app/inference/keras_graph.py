"""A Keras network → the same network that also answers its maps, and its form for OpenVINO.

Only the TensorFlow engine and training import this file: it needs Keras.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from app.errors import ArtifactRefused
from app.inference.manifest import CamSpec, MapsSpec

# Keras ships no types: its objects are Any here.
Network = Any
Layer = Any


@dataclass(frozen=True)
class Head:
    """What stands between the last feature maps and the logit, where that is piecewise linear.

    `features` is the layer whose maps are read, `pooled` tells global average pooling from flattening, and
    `dense` are the Dense layers in order, all but the last with ReLU.
    """

    features: Layer
    pooled: bool
    dense: tuple[Layer, ...]


def find_head(network: Network) -> Head | None:
    """Walk back from the layer `logit` to the feature maps; None where something else stands between.

    Raises:
        ArtifactRefused: the network has no layer `logit` that is Dense(1) without an activation.
    """
    try:
        layer = network.get_layer("logit")
    except ValueError:
        layer = None
    is_logit = isinstance(layer, keras.layers.Dense) and layer.units == 1
    if not is_logit or layer.activation is not keras.activations.linear:
        raise ArtifactRefused(
            "Expected a network with a layer named 'logit' that is Dense(1) without an activation. It has none."
        )
    dense: list[Layer] = [layer]
    while True:
        layer = _before(layer)
        if isinstance(layer, keras.layers.Dropout):
            continue
        if isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.relu:
            dense.insert(0, layer)
            continue
        break
    if not isinstance(layer, (keras.layers.Flatten, keras.layers.GlobalAveragePooling2D)):
        return None
    pooled = isinstance(layer, keras.layers.GlobalAveragePooling2D)
    features = _before(layer)
    while isinstance(features, keras.layers.Dropout):
        features = _before(features)
    if features is None or len(features.output.shape) != 4 or layer.data_format != "channels_last":
        return None
    return Head(features, pooled, tuple(dense))


def maps_of(network: Network, layers: Sequence[str] | None = None) -> MapsSpec:
    """Tell which maps a network can answer.

    Args:
        network: a Keras functional model with a layer `logit`.
        layers: whose activations to offer; None: every Conv2D layer.
    """
    names = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    head = find_head(network)
    if head is None:
        return MapsSpec(layers=list(layers or names))
    linear = len(head.dense) == 1 and head.pooled
    method = "class activation map (Zhou 2016)" if linear else "gradient x activation through the dense head"
    return MapsSpec(layers=list(layers or names), cam=CamSpec(method=method, layer=head.features.name, exact=True))


class NetworkWithMaps(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A network whose outputs are [logit, cam, cam_bias, *layers], or without the two where it has no `cam`."""

    def __init__(self, network: Network, maps: MapsSpec) -> None:
        super().__init__(name="network_with_maps")
        head = find_head(network) if maps.cam is not None else None
        if head is None and maps.cam is not None:
            raise ArtifactRefused("Expected a network whose head can be shared out over its features. It cannot.")
        hidden = [] if head is None else [head.features.output, *(dense.output for dense in head.dense[:-1])]
        layers = [network.get_layer(name).output for name in maps.layers]
        self._head, self._hidden = head, len(hidden)
        self.taps = keras.Model(network.inputs, [network.get_layer("logit").output, *hidden, *layers])

    def call(self, films: Any) -> list[Any]:
        """Answer the outputs for films (N, height, width, 1), 0 to 255."""
        logit, *rest = self.taps(films, training=False)
        if self._head is None:
            return [logit, *rest]
        (features, *hidden), layers = rest[: self._hidden], rest[self._hidden :]
        cam = _attribute(self._head, features, hidden)
        bias = keras.ops.reshape(logit, (-1,)) - keras.ops.sum(cam, axis=(1, 2))
        return [logit, cam, bias, *layers]


def _attribute(head: Head, features: Any, hidden: list[Any]) -> Any:
    """Share the logit out over the feature maps: activation × gradient, summed over the channels.

    A head of Dense and ReLU is linear wherever no unit changes its side, so the shares and a bias sum to the
    logit exactly; with one Dense on pooled features this is the class activation map of Zhou et al. 2016.
    `hidden` are the outputs of all Dense layers but the last.
    """
    ops = keras.ops
    _, rows, columns, channels = features.shape
    gradient = ops.reshape(head.dense[-1].kernel, (1, -1))
    for dense, output in zip(head.dense[-2::-1], hidden[::-1], strict=True):
        active = ops.cast(output > 0, output.dtype)
        gradient = ops.matmul(gradient * active, ops.transpose(dense.kernel))
    if head.pooled:
        gradient = ops.reshape(gradient, (-1, 1, 1, channels)) / (rows * columns)
    else:
        gradient = ops.reshape(gradient, (-1, rows, columns, channels))
    return ops.sum(features * gradient, axis=-1)


def round_weights(network: Network) -> None:
    """Round every weight to the nearest value that float16 holds, in place.

    `serving/` then stores half the bytes, exactly the same numbers, and an entry stays under its 18 MB. To be
    done before the figures of a model are measured.
    """
    network.set_weights([np.asarray(w, np.float16).astype(w.dtype) for w in network.get_weights()])


def export_serving(network: Network, folder: Path, layers: Sequence[str] | None = None) -> MapsSpec:
    """Write the network for OpenVINO (`model.xml`, `model.bin`), with its maps as further outputs.

    Args:
        network: a Keras model with a layer `logit`, under the TensorFlow backend, its weights rounded by
            `round_weights` (others grow the files, since they can't be stored in half the bytes).
        folder: where to; made if absent.
        layers: see `maps_of`.

    Raises:
        ArtifactRefused: the written graph does not answer what the Keras network answers.
    """
    import openvino

    maps = maps_of(network, layers)
    with_maps = NetworkWithMaps(network, maps)
    _, height, width, _ = network.input_shape
    probe = np.random.default_rng(0).integers(0, 256, (3, height, width, 1)).astype(np.float32)
    expected = [np.asarray(output) for output in with_maps(probe)]
    names = ["logit", *(["cam", "cam_bias"] if maps.cam else []), *(f"layer:{name}" for name in maps.layers)]

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as aside:
        xml = str(Path(aside) / "model.xml")
        signature = [keras.InputSpec(shape=(None, height, width, 1), dtype="float32")]
        with _converter_on_python_3_13():
            with_maps.export(xml, format="openvino", input_signature=signature, verbose=False)
        graph = openvino.Core().read_model(xml)
        for output, name in zip(sorted(graph.outputs, key=_position), names, strict=True):
            output.tensor.set_names({name})
        _store_halves(graph)
        openvino.save_model(graph, folder / "model.xml", compress_to_fp16=False)

    config = {"INFERENCE_PRECISION_HINT": "f32"}
    answers = openvino.Core().compile_model(folder / "model.xml", "CPU", config)(probe)
    for name, keras_output in zip(names, expected, strict=True):
        exported = answers[name].reshape(keras_output.shape)
        # The bias is what is left between the logit and the map's sum: its rounding is of their size, not of its own.
        measured_by = expected[0] if name == "cam_bias" else keras_output
        scale = max(1.0, float(np.abs(measured_by).max()))
        if not np.allclose(exported, keras_output, atol=1e-3 * scale):
            worst = float(np.abs(exported - keras_output).max())
            raise ArtifactRefused(f"Expected the exported output {name} within 1e-3 of Keras'. It is {worst:.2g} off.")
    return maps


@contextmanager
def _converter_on_python_3_13() -> Iterator[None]:
    """Let OpenVINO's converter find TensorFlow's version.

    OpenVINO 2026.4 does so with `exec("import tensorflow")` and `exec("del tensorflow")` in a function, where since
    Python 3.13 (PEP 667) the second no longer sees what the first did.
    """
    from openvino.frontend.tensorflow import utils

    original = utils.get_environment_setup
    if sys.version_info >= (3, 13):
        import tensorflow

        utils.get_environment_setup = lambda _framework: {"tensorflow": tensorflow.__version__}
    try:
        yield
    finally:
        utils.get_environment_setup = original


def _position(output: Any) -> int:
    """Read the place of an output in the list that the network answers: `Identity:0`, `Identity_1:0` and so on.

    The graph itself lists them by name, `Identity_10` before `Identity_2`.
    """
    return int(output.get_any_name().partition(":")[0].partition("_")[2] or 0)


def _store_halves(graph: Any) -> None:
    """Keep as float16 what float16 holds exactly. OpenVINO's own compression rounds the rest too: 1/255, say."""
    import openvino
    from openvino import opset16

    for constant in graph.get_ops():
        if constant.get_type_name() != "Constant" or constant.get_element_type() != openvino.Type.f32:
            continue
        values = constant.data
        halves = values.astype(np.float16)
        if values.size < 1000 or not np.array_equal(halves, values):
            continue
        wide = opset16.convert(opset16.constant(halves, openvino.Type.f16), "f32")
        for reader in constant.output(0).get_target_inputs():
            reader.replace_source_output(wide.output(0))


def save_network(network: Network, path: Path) -> None:
    """Save a network without its optimizer as a deflated `.keras`: rounded weights shrink by half.

    Args:
        network: any Keras model.
        path: ends in `.keras`.
    """
    # The optimizer's state is as large as the weights, and only a training that goes on needs it.
    optimizer, network.optimizer = getattr(network, "optimizer", None), None
    try:
        network.save(path)
    finally:
        network.optimizer = optimizer
    with zipfile.ZipFile(path) as stored:
        parts = [(part.filename, stored.read(part)) for part in stored.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as deflated:
        for name, content in parts:
            deflated.writestr(name, content)


def _before(layer: Layer) -> Layer:
    inbound = layer.input
    return None if isinstance(inbound, (list, tuple)) else inbound._keras_history.operation
