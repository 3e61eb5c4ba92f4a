"""Predictions → the answer to an inference request, with or without binary tensors."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from fastapi import Response

from app.api.problems import NO_STORE
from app.api.v2_request import LENGTH_HEADER, InferenceCall
from app.api.v2_schemas import OUTPUTS
from app.inference.manifest import Manifest
from app.inference.predictor import FilmPrediction


def respond_with(call: InferenceCall, predictions: Sequence[FilmPrediction], manifest: Manifest) -> Response:
    """Return the wanted outputs of all films, in the films' order; binary tensors behind the JSON."""
    outputs, tensors = [], []
    for name, is_binary in call.outputs.items():
        values = [_value_of(name, prediction) for prediction in predictions]
        output: dict[str, Any] = {"name": name, "datatype": OUTPUTS[name], "shape": [len(values)]}
        if is_binary:
            tensors.append(b"".join(map(_to_binary, values)))
            output["parameters"] = {"binary_data_size": len(tensors[-1])}
        else:
            output["data"] = values
        outputs.append(output)
    decision = predictions[0].decision
    answer = {
        "model_name": manifest.name,
        "model_version": manifest.version,
        **({} if call.id is None else {"id": call.id}),
        "parameters": {"operating_point": decision.operating_point, "threshold": round(decision.threshold, 6)},
        "outputs": outputs,
    }
    content = json.dumps(answer, separators=(",", ":")).encode()
    if not tensors:
        return Response(content, media_type="application/json", headers=NO_STORE)
    headers = {**NO_STORE, LENGTH_HEADER: str(len(content))}
    return Response(b"".join([content, *tensors]), media_type="application/octet-stream", headers=headers)


def _value_of(name: str, prediction: FilmPrediction) -> float | bool | str:
    decision = prediction.decision
    match name:
        case "probability":
            return round(decision.probability, 6)
        case "logit":
            return round(prediction.logit, 6)
        case "refer":
            return decision.refer
        case _:
            return decision.label


def _to_binary(value: float | bool | str) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", len(value)) + value.encode()
    return struct.pack("<?" if isinstance(value, bool) else "<f", value)
