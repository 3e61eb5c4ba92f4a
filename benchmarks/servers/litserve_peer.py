"""LitServe at its documented best for a CPU: a worker and an HTTP process a core, its fast queue, and batches.

Films come as forms, as in its documentation. A worker is a single-threaded process with its own copy of the network.
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
    """The service's own network and decoding, in LitServe's four steps."""

    def __init__(self, model: str) -> None:
        super().__init__(max_batch_size=8, batch_timeout=0.005)  # with 32 clients there are always films waiting
        self._model = model

    def setup(self, device: str) -> None:
        """Load the model, once in every worker."""
        cv2.setNumThreads(1)
        self._predictor = BarePredictor(find_entry(STORE, self._model))

    # Not annotated: what is, LitServe has FastAPI parse and validate.
    def decode_request(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return the pixels of a film."""
        return self._predictor.read(request["file"].file.read())

    def predict(self, films: NDArray[np.uint8]) -> Any:
        """Return the logit of each film of a batch."""
        return self._predictor.engine.logits(films).tolist()

    def encode_response(self, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return the answer of one film."""
        return answer(self._predictor.entry, output)


if __name__ == "__main__":
    model, port = sys.argv[1:]
    workers = {"accelerator": "cpu", "devices": 1, "workers_per_device": granted_cores(), "fast_queue": True}
    server = litserve.LitServer(Radiographs(model), healthcheck_path="/livez", **workers)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")
