"""A Keras network → an entry's files: `model.keras`, and OpenVINO's form."""

from __future__ import annotations

import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from app.errors import ArtifactRefused
from app.inference.keras_graph import Network, NetworkWithMaps
from app.inference.manifest import MapsSpec
from training.publishing.maps import maps_of


def round_weights(network: Network) -> None:
    """Round weights in place to what float16 holds, before any metric is computed.

    `serving/` then stores the same numbers in half the bytes; an entry stays under 18 MB.
    """
    network.set_weights([np.asarray(w, np.float16).astype(w.dtype) for w in network.get_weights()])


def export_serving(
    network: Network, folder: Path, layers: Sequence[str] | None = None, *, has_gate: bool = False
) -> MapsSpec:
    """Write a network with its maps for OpenVINO (`model.xml`, `model.bin`).

    Args:
        network: a Keras model with a layer `logit`, under the TensorFlow backend; without `round_weights`, files grow.
        folder: made if absent.
        layers: see `maps_of`.
        has_gate: likewise.

    Raises:
        ArtifactRefused: the written graph answers otherwise than the network.
    """
    import openvino

    maps = maps_of(network, layers, has_gate=has_gate)
    with_maps = NetworkWithMaps(network, maps)
    _, height, width, _ = network.input_shape
    probe = np.random.default_rng(0).integers(0, 256, (3, height, width, 1)).astype(np.float32)
    expected = [np.asarray(output) for output in with_maps(probe)]
    names = ["logit", *(["cam", "cam_bias"] if maps.cam else []), *(f"layer:{name}" for name in maps.layers)]
    names += ["channel_means"] if maps.channel_means else []

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as aside:
        xml = str(Path(aside) / "model.xml")
        signature = [keras.InputSpec(shape=(None, height, width, 1), dtype="float32")]
        with _converter_on_python_3_13():
            with_maps.export(xml, format="openvino", input_signature=signature, verbose=False)
        graph = openvino.Core().read_model(xml)
        # The converter also makes outputs of unused tensors, such as shapes, and of some tensors two. The network's own
        # are called Identity, among other names.
        answers = {place: output for output in graph.outputs if (place := _find_place(output)) is not None}
        for place, name in enumerate(names):
            answers[place].tensor.set_names({name})
        graph = openvino.Model([answers[place].get_node() for place in range(len(names))], graph.get_parameters())
        _store_halves(graph)
        openvino.save_model(graph, folder / "model.xml", compress_to_fp16=False)

    config = {"INFERENCE_PRECISION_HINT": "f32"}
    received = openvino.Core().compile_model(folder / "model.xml", "CPU", config)(probe)
    for name, keras_output in zip(names, expected, strict=True):
        exported = received[name].reshape(keras_output.shape)
        # The bias is the logit less the map's sum: its rounding is of their size.
        measured_by = expected[0] if name == "cam_bias" else keras_output
        scale = max(1.0, float(np.abs(measured_by).max()))
        if not np.allclose(exported, keras_output, atol=1e-3 * scale):
            worst = float(np.abs(exported - keras_output).max())
            raise ArtifactRefused(f"Expected the exported output {name} within 1e-3 of Keras'. It is {worst:.2g} off.")
    return maps


@contextmanager
def _converter_on_python_3_13() -> Iterator[None]:
    """Let OpenVINO's converter find TensorFlow's version.

    OpenVINO 2026.4 calls `exec("import tensorflow")` and `exec("del tensorflow")` in a function; since Python 3.13
    (PEP 667) the second no longer sees the first.
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


def _find_place(output: Any) -> int | None:
    """Return an output's place among the network's: `Identity:0`, `Identity_1:0` and so on."""
    found = (re.fullmatch(r"Identity(?:_([0-9]+))?:0", name) for name in output.get_names())
    return next((int(place[1] or 0) for place in found if place), None)


def _store_halves(graph: Any) -> None:
    """Store exact float16 values as such. OpenVINO's own compression rounds others too: 1/255, say."""
    import openvino
    from openvino import opset16

    for constant in graph.get_ops():
        if constant.get_type_name() != "Constant" or constant.get_element_type() != openvino.Type.f32:
            continue
        values = constant.data
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if values.size < 1000 or not np.array_equal(halves, values):
            continue
        wide = opset16.convert(opset16.constant(halves, openvino.Type.f16), "f32")
        for reader in constant.output(0).get_target_inputs():
            reader.replace_source_output(wide.output(0))


def save_network(network: Network, path: Path) -> None:
    """Save a network as a deflated `.keras`, where rounded weights shrink by half, without its optimizer."""
    # Its state is as large as the weights; only further training needs it.
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
