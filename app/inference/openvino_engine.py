"""The engine that serves: OpenVINO on the CPU."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import ArtifactRefused, is_out_of_memory
from app.inference.engine import Films, Floats, Maps, check_rows
from app.inference.manifest import MapsSpec
from app.inference.memory import ENGINE_BYTES, check_room
from app.names import EngineName


class _Copies(threading.local):
    """One thread's infer requests, by outputs."""

    def __init__(self) -> None:
        # Any: OpenVINO ships no types.
        self.requests: dict[tuple[str, ...], Any] = {}


class OpenVINOEngine:
    """OpenVINO on the CPU, float32.

    Each calling thread compiles its own single-threaded copy: on two cores faster than one with two streams. A copy has
    only the outputs that a call needs: inner outputs keep OpenVINO from fusing layers.
    """

    name: EngineName = "openvino"

    def __init__(self, xml: Path, maps: MapsSpec) -> None:
        check_room(ENGINE_BYTES)
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
        # The first access to a tensor initialises OpenVINO's binding without the interpreter's lock: two threads at
        # once can deadlock.
        _ = self._request(("logit",)).get_input_tensor().data

    def logits(self, films: Films) -> Floats:
        """See `Engine.logits`."""
        (logits,) = self._infer(films, ("logit",))
        return check_rows(films, logits)

    def maps(self, films: Films, *, cam: bool, layers: bool) -> Maps:
        """See `Engine.maps`."""
        cam = cam and self._maps.cam is not None
        names = self._maps.layers if layers else []
        means = ("channel_means",) if self._maps.channel_means else ()
        outputs = ("logit", *means, *(("cam", "cam_bias") if cam else ()), *(f"layer:{name}" for name in names))
        answers = dict(zip(outputs, self._infer(films, outputs), strict=True))
        return Maps(
            logits=check_rows(films, answers["logit"]),
            cam=answers.get("cam"),
            cam_bias=answers["cam_bias"].reshape(-1) if cam else None,
            layers={name: answers[f"layer:{name}"] for name in names},
            channel_means=answers.get("channel_means"),
        )

    def _infer(self, films: Films, outputs: tuple[str, ...]) -> list[Floats]:
        request = self._request(outputs)
        # Faster than OpenVINO's handling of arguments.
        tensor, shape = request.get_input_tensor(), [*films.shape, 1]
        if list(tensor.data.shape) != shape:
            # OpenVINO would silently answer for the previous film.
            if not request.model_inputs[0].partial_shape.compatible(self._openvino.PartialShape(shape)):
                raise ValueError(f"Expected films of the network's size. Received {films.shape}.")
            tensor.shape = shape
        tensor.data[..., 0] = films
        request.infer(share_outputs=True)
        # Copied: the next film overwrites the request's buffers.
        return [np.array(request.get_output_tensor(i).data, dtype=np.float32) for i in range(len(outputs))]

    def _request(self, outputs: tuple[str, ...]) -> Any:
        copies = self._copies.requests
        if outputs not in copies:
            try:
                graph = self._core.read_model(self._xml)
                results = [graph.output(name).get_node() for name in outputs]
                part = self._openvino.Model(results, graph.get_parameters())
                copies[outputs] = self._core.compile_model(part, "CPU", self._config).create_infer_request()
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                missing = ", ".join(outputs)
                raise ArtifactRefused(f"Expected a serving graph with the outputs {missing}; it has not.") from None
        return copies[outputs]
