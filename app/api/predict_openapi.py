"""The OpenAPI description of `POST /predict`'s request, which no framework parses."""

from __future__ import annotations

from typing import Any

from app.api import json_form
from app.api.upload import FIELD
from app.inference.predictor import MAP_KINDS

PARAMETERS: dict[str, dict[str, Any]] = {
    "activation_maps": {
        "description": "Which maps to compute: of what drove the logit, of every layer's channels, both or none.",
        "schema": {"type": "string", "enum": list(MAP_KINDS), "default": "none"},
    },
    "operating_point": {
        "description": "A name from the model's operating points (see /model); unset: its default.",
        "schema": {"type": "string"},
    },
    "gate": {
        "description": "Whether to assess that the film lies in the model's domain; off is for research.",
        "schema": {"type": "string", "enum": ["on", "off"], "default": "on"},
    },
}

# A ramp of gray, 64 pixels a side.
_EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAH0lEQVRYw+3B"
    "QREAAAgDILf+oQ3hzwMyvUkBAACA5xb/LCB9PxoM/gAAAABJRU5ErkJggg=="
)
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        },
        json_form.MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": [json_form.FIELD],
                "properties": {json_form.FIELD: {"type": "string", "contentEncoding": "base64"}},
                "additionalProperties": False,
            },
            "example": {json_form.FIELD: _EXAMPLE},
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}

REQUEST: dict[str, Any] = {
    "requestBody": _BODY,
    "parameters": [{"name": name, "in": "query", "required": False} | rest for name, rest in PARAMETERS.items()],
}
