"""LitServe at its documented best for a CPU: a worker and an HTTP process a core, its fast queue, batches.

Films come as forms, as in its documentation. Each worker is single-threaded, with its own network.
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import litserve  # type: ignore[import-not-found]  # it has an environment of its own
import numpy as np
from numpy.typing import NDArray

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks.films import STORE
from benchmarks.servers.entry import BarePredictor, answer


class Radiographs(litserve.LitAPI):  # type: ignore[misc]  # see the import
    """The service's network and decoding, in LitServe's four steps."""

    def __init__(self, model: str) -> None:
        super().__init__(max_batch_size=8, batch_timeout=0.005)  # of 32 clients, some always wait
        self._model = model

    def setup(self, device: str) -> None:
        """Load the model in a worker."""
        cv2.setNumThreads(1)
        self._predictor = BarePredictor(find_entry(STORE, self._model))

    # FastAPI would parse and validate what is annotated.
    def decode_request(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return a film's pixels."""
        return self._predictor.read(request["file"].file.read())

    def predict(self, films: NDArray[np.uint8]) -> Any:
        """Return a batch's logits."""
        return self._predictor.engine.logits(films).tolist()

    def encode_response(self, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return a film's answer."""
        return answer(self._predictor.entry, output)


if __name__ == "__main__":
    model, port = sys.argv[1:]
    workers = {"accelerator": "cpu", "devices": 1, "workers_per_device": granted_cores(), "fast_queue": True}
    server = litserve.LitServer(Radiographs(model), healthcheck_path="/livez", **workers)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
