"""BentoML at its best for a CPU: a worker process a core, and a FastAPI application that it mounts.

`bentoml serve` starts it; BENCH_MODEL names the model. A worker reads one film at a time. BentoML's own API was slower:
it writes every film to a temporary file.
"""

from __future__ import annotations

import os
from typing import Any

import bentoml  # type: ignore[import-not-found]  # it has an environment of its own
import cv2
from fastapi import FastAPI, Request

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks.films import STORE
from benchmarks.servers.entry import BarePredictor

CONFIGURATION = {"workers": granted_cores(), "traffic": {"timeout": 60}, "logging": {"access": {"enabled": False}}}
app = FastAPI()


@bentoml.service(**CONFIGURATION)
@bentoml.asgi_app(app)
class Radiographs:
    """The service's own network and decoding, by a FastAPI route."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._predictor = BarePredictor(find_entry(STORE, os.environ["BENCH_MODEL"]))

    @app.post("/predict")
    async def predict(self, request: Request) -> dict[str, Any]:
        """Return the answer of the film in the raw body."""
        return self._predictor.predict(await request.body())
