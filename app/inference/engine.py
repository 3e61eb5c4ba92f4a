"""A saved network → logits and maps, by one of two engines that answer alike."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused, ModelError
from app.inference.manifest import MapsSpec

EngineName = Literal["openvino", "tensorflow"]
Films = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Maps:
    """What a network answers besides its logit, for a batch of N films, all float32.

    `cam` (N, rows, columns) is in logits and, with `cam_bias` (N,), sums to the logit; both are None where the
    network's head has no such form. `layers` holds activations (N, rows, columns, channels) by layer name.
    """

    logits: Floats
    cam: Floats | None
    cam_bias: Floats | None
    layers: dict[str, Floats]


class Engine(Protocol):
    """What the service needs of an inference engine. Both calls may come from any thread, at once.

    To add one: answer these two calls within 1e-3 of the others, raise ValueError or TypeError for films of another
    size than the network's, and name it in `open_engine`.
    """

    name: EngineName

    def logits(self, films: Films) -> Floats:
        """Answer (N,) float32 logits of uint8 films (N, height, width), each from its own film."""
        ...

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """Answer the logits and the maps that are asked for; the others are None or empty."""
        ...


def open_engine(name: EngineName, folder: Path, maps: MapsSpec) -> Engine:
    """Load a model_store entry's network.

    Args:
        name: `openvino` reads `serving/`; `tensorflow` reads `model.keras` and needs the extra `train`.
        folder: the entry.
        maps: from its manifest.

    Raises:
        ModelError: the engine's package is not installed.
        ArtifactRefused: the files cannot be read by the engine.
    """
    if name == "openvino":
        return OpenVINOEngine(folder / "serving" / "model.xml", maps)
    try:
        from app.inference.tensorflow_engine import TensorFlowEngine
    except ImportError as error:
        message = (
            f"The TensorFlow engine needs {error.name}, which is not installed: run `make install-train`, "
            "or set PNEUMOSERVE_ENGINE=openvino."
        )
        raise ModelError(message) from None
    return TensorFlowEngine(folder / "model.keras", maps)


def check_rows(films: Films, logits: Floats) -> Floats:
    """Refuse an answer that is not one logit a film, as a graph with a fixed batch gives: silently the first's.

    Raises:
        ArtifactRefused: it is not.
    """
    flat = logits.reshape(-1)
    if flat.shape != (len(films),):
        raise ArtifactRefused(f"Expected {len(films)} logits for {len(films)} films. Received {flat.shape[0]}.")
    return flat


class _Copies(threading.local):
    """The infer requests of one thread, by the outputs that they answer."""

    def __init__(self) -> None:
        # Any: OpenVINO ships no types.
        self.requests: dict[tuple[str, ...], Any] = {}


class OpenVINOEngine:
    """OpenVINO on the CPU, float32.

    Every calling thread has its own single-threaded compiled copy: on two cores that was measured to be faster
    than one copy with two streams. The graph is cut to the outputs that a call needs, since an output in the
    middle of a network keeps OpenVINO from fusing what stands around it.
    """

    name: EngineName = "openvino"

    def __init__(self, xml: Path, maps: MapsSpec) -> None:
        import openvino

        self._openvino = openvino
        self._core = openvino.Core()
        self._xml = xml
        self._maps = maps
        self._copies = _Copies()
        self._config = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,
            # bfloat16, the default where the CPU has it, moved probabilities by up to 0.011.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        # At the first look at any tensor OpenVINO's binding makes something once, and lets go of the interpreter's lock
        # meanwhile: two threads that look first can wait for each other for ever.
        _ = self._request(("logit",)).get_input_tensor().data

    def logits(self, films: Films) -> Floats:
        """See `Engine.logits`."""
        (logits,) = self._infer(films, ("logit",))
        return check_rows(films, logits)

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """See `Engine.maps`."""
        cam = cam and self._maps.cam is not None
        names = self._maps.layers if layers else []
        outputs = ("logit", *(("cam", "cam_bias") if cam else ()), *(f"layer:{name}" for name in names))
        answers = dict(zip(outputs, self._infer(films, outputs), strict=True))
        return Maps(
            logits=check_rows(films, answers["logit"]),
            cam=answers.get("cam"),
            cam_bias=answers["cam_bias"].reshape(-1) if cam else None,
            layers={name: answers[f"layer:{name}"] for name in names},
        )

    def _infer(self, films: Films, outputs: tuple[str, ...]) -> list[Floats]:
        request = self._request(outputs)
        # Into the request's own tensor, around what OpenVINO does for arguments of any kind, and no dict of copies.
        tensor, shape = request.get_input_tensor(), [*films.shape, 1]
        if list(tensor.data.shape) != shape:
            # OpenVINO itself would not say so, and answer for the film before.
            if not request.model_inputs[0].partial_shape.compatible(self._openvino.PartialShape(shape)):
                raise ValueError(f"Expected films of the network's size. Received {films.shape}.")
            tensor.shape = shape
        tensor.data[..., 0] = films
        request.infer(share_outputs=True)
        # Copied: the request's own buffers are overwritten by the next film.
        return [np.array(request.get_output_tensor(i).data, dtype=np.float32) for i in range(len(outputs))]

    def _request(self, outputs: tuple[str, ...]) -> Any:
        copies = self._copies.requests
        if outputs not in copies:
            try:
                graph = self._core.read_model(self._xml)
                results = [graph.output(name).get_node() for name in outputs]
                part = self._openvino.Model(results, graph.get_parameters())
                copies[outputs] = self._core.compile_model(part, "CPU", self._config).create_infer_request()
            except RuntimeError:
                missing = ", ".join(outputs)
                raise ArtifactRefused(f"Expected a serving graph with the outputs {missing}; it has not.") from None
        return copies[outputs]
