"""Reading films, and the shape of an answer, for the bare loop and other servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.preprocess import DEFAULT_RESIZE_RULE, ResizeRule, read_film
from app.inference.artifact import Entry
from app.inference.calibration import decide
from app.inference.engines import open_engine

Decoder = Literal["ours", "cv2"]
Read = Callable[[bytes], NDArray[np.uint8]]


def make_read(decoder: Decoder, shape: tuple[int, int], rule: ResizeRule = DEFAULT_RESIZE_RULE) -> Read:
    """Return a reader of bytes to pixels (height, width): the service's, or OpenCV's full decoding."""
    height, width = shape
    if decoder == "ours":
        return lambda data: read_film(data, width=width, height=height, rule=rule).pixels

    def read(data: bytes) -> NDArray[np.uint8]:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise ValueError("Expected a film that OpenCV can decode.")
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    return read


class BarePredictor:
    """The service's network; its decoding or OpenCV's."""

    def __init__(self, entry: Entry, decoder: Decoder = "ours") -> None:
        self.entry = entry
        self.read = make_read(decoder, entry.manifest.shape, entry.manifest.input.resize)
        self.engine = open_engine("openvino", entry.folder, entry.manifest.maps)

    def predict(self, film: bytes) -> dict[str, Any]:
        """Return a film's class and probability."""
        return answer(self.entry, float(self.engine.logits(self.read(film)[np.newaxis])[0]))


def answer(entry: Entry, logit: float) -> dict[str, Any]:
    """Return class and probability at the default operating point."""
    manifest = entry.manifest
    point = manifest.default_operating_point
    decision = decide(
        logit,
        calibration=manifest.calibration,
        labels=manifest.labels,
        operating_point=point,
        threshold_logit=manifest.operating_points[point],
    )
    return {"class": decision.label, "probability": decision.probability}
