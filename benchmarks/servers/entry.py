"""What the servers that are measured beside ours share: their command line, the model, and the shape of an answer."""

from __future__ import annotations

import argparse
import os
from typing import Any, Literal

from app.inference.artifact import Entry
from app.inference.calibration import decide

DECODER = "BENCH_DECODER"
"""The environment variable that tells a peer how to decode."""


def find_decoder() -> Literal["ours", "cv2"]:
    """Answer which decoder this process is to use."""
    return "cv2" if os.environ.get(DECODER) == "cv2" else "ours"


def parse_arguments() -> argparse.Namespace:
    """Read `--model NAME/VERSION`, `--port N` and `--batch N`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1, help="films a batch, where the server makes batches")
    return parser.parse_args()


def answer(entry: Entry, logit: float) -> dict[str, Any]:
    """Answer a logit as the service does, at the model's default operating point; it costs microseconds."""
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
