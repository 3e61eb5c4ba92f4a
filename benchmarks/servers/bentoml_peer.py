"""BentoML at its documented best for a CPU: a worker process a core; by its own API, and by a FastAPI that it mounts.

`bentoml serve` starts one of the two services; the model's name is in BENCH_MODEL. A worker does one film at a time,
as it has one core. BentoML's own API writes every film to a temporary file, for want of an input type for bytes;
mounting leaves nothing of BentoML on the way but its workers and its middleware.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import bentoml  # type: ignore[import-not-found]  # it has an environment of its own
import cv2
import numpy as np
from fastapi import FastAPI, Request

from app.inference.artifact import find_entry
from app.inference.engines import open_engine
from app.process import granted_cores
from benchmarks.films import STORE
from benchmarks.limit import make_read
from benchmarks.servers.entry import answer, find_decoder

CONFIGURATION = {"workers": granted_cores(), "traffic": {"timeout": 60}, "logging": {"access": {"enabled": False}}}
app = FastAPI()


class _Reader:
    """The service's own network, and its decoding or OpenCV's."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._entry = find_entry(STORE, os.environ["BENCH_MODEL"])
        self._engine = open_engine("openvino", self._entry.folder, self._entry.manifest.maps)
        self._pixels = make_read(find_decoder(), self._entry.manifest.shape)

    def _read(self, data: bytes) -> dict[str, Any]:
        return answer(self._entry, float(self._engine.logits(self._pixels(data)[np.newaxis])[0]))


@bentoml.service(**CONFIGURATION)
class Radiographs(_Reader):
    """By BentoML's own API."""

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, film: Annotated[Path, bentoml.validators.ContentType("image/jpeg")], /) -> dict[str, Any]:
        """Read the raw body."""
        return self._read(film.read_bytes())


@bentoml.service(**CONFIGURATION)
@bentoml.asgi_app(app)
class Mounted(_Reader):
    """By a FastAPI route."""

    @app.post("/predict")
    async def predict(self, request: Request) -> dict[str, Any]:
        """Read the raw body."""
        return self._read(await request.body())
