"""LitServe at its documented best for a CPU: a worker and an HTTP process a core, its fast queue, and batches or none.

Films come as forms, as its documentation has it, which it keeps in memory. A worker is a process with its own copy of
the network, single-threaded as ours, since the workers take all the cores.
"""

from __future__ import annotations

from typing import Any

import cv2
import litserve  # type: ignore[import-not-found]  # it has an environment of its own
import numpy as np
from numpy.typing import NDArray

from app.inference.artifact import find_entry
from app.inference.engines import open_engine
from app.process import granted_cores
from benchmarks.films import STORE
from benchmarks.limit import make_read
from benchmarks.servers.entry import answer, find_decoder, parse_arguments

BATCH_SECONDS = 0.005
"""How long a batch is waited for; with 32 clients there are always films waiting."""


class Radiographs(litserve.LitAPI):  # type: ignore[misc]  # see the import
    """The service's own network, and its decoding or OpenCV's, in LitServe's four steps."""

    def __init__(self, model: str, **batching: Any) -> None:
        super().__init__(**batching)
        self._model = model

    def setup(self, device: str) -> None:
        """Load the model, once in every worker."""
        cv2.setNumThreads(1)
        self._entry = find_entry(STORE, self._model)
        self._engine = open_engine("openvino", self._entry.folder, self._entry.manifest.maps)
        self._read = make_read(find_decoder(), self._entry.manifest.shape)

    # Not annotated: what is, LitServe has FastAPI parse and validate.
    def decode_request(self, request):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Decode and shrink."""
        return self._read(request["file"].file.read())

    def predict(self, films: NDArray[np.uint8]) -> Any:
        """Infer: a film alone, or a batch of them, which LitServe stacks."""
        logits = self._engine.logits(films.reshape(-1, *self._entry.manifest.shape)).tolist()
        return logits if films.ndim == 3 else logits[0]

    def encode_response(self, output):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Answer one film."""
        return answer(self._entry, output)


if __name__ == "__main__":
    arguments = parse_arguments()
    batching = {"max_batch_size": arguments.batch, "batch_timeout": BATCH_SECONDS} if arguments.batch > 1 else {}
    server = litserve.LitServer(
        Radiographs(arguments.model, **batching),
        accelerator="cpu",
        devices=1,
        workers_per_device=granted_cores(),
        fast_queue=True,
    )
    server.run(host="127.0.0.1", port=arguments.port, generate_client_file=False, log_level="warning")
