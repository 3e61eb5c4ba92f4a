"""Parameters and bodies of requests that send a film: read strictly, and described for OpenAPI.

No framework parses them: a caller may rely on a parameter that is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from starlette.datastructures import QueryParams

from app.api import json_form
from app.api.upload import FIELD
from app.errors import InvalidParameter
from app.inference.overlay import STYLES
from app.inference.predictor import MAP_KINDS

Value = TypeVar("Value", bound=str)
Parameters = dict[str, dict[str, Any]]

ON_OFF = ("on", "off")
MAX_LEVEL = 1000
"""Logits."""

_COMMON: Parameters = {
    "operating_point": {
        "description": "A name from the model's operating points (see /model); unset: its default.",
        "schema": {"type": "string"},
    },
    "gate": {
        "description": "Whether to assess that the film lies in the model's domain; off is for research.",
        "schema": {"type": "string", "enum": list(ON_OFF), "default": "on"},
    },
}
PREDICT: Parameters = {
    "activation_maps": {
        "description": "Which maps to compute: of what drove the logit, of every layer's channels, both or none.",
        "schema": {"type": "string", "enum": list(MAP_KINDS), "default": "none"},
    },
    **_COMMON,
}
EXPLAIN: Parameters = {
    "style": {
        "description": "heat: colours over the film; contour: lines around the evidence; film: the film alone.",
        "schema": {"type": "string", "enum": list(STYLES), "default": "heat"},
    },
    "level": {
        "description": "Logits of one cell of the map: weaker evidence is not drawn. Unset: 0 for heat, half of the "
        "scale for contours.",
        "schema": {"type": "number", "minimum": 0, "maximum": MAX_LEVEL},
    },
    **_COMMON,
}

EXAMPLE_FILM = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAH0lEQVRYw+3B"
    "QREAAAgDILf+oQ3hzwMyvUkBAACA5xb/LCB9PxoM/gAAAABJRU5ErkJggg=="
)
"""A ramp of gray, 64 pixels a side: a PNG as base64."""

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
            "example": {json_form.FIELD: EXAMPLE_FILM},
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


def describe_request(parameters: Parameters) -> dict[str, Any]:
    """Return the OpenAPI fields of a route that takes a film and these parameters."""
    listed = [{"name": name, "in": "query", "required": False} | rest for name, rest in parameters.items()]
    return {"requestBody": _BODY, "parameters": listed}


def read_parameters(query_string: bytes, accepted: Mapping[str, object]) -> dict[str, str]:
    """Return the parameters of a query by name.

    Raises:
        InvalidParameter: one is unknown or repeated.
    """
    if not query_string:
        return {}
    items = QueryParams(query_string).multi_items()
    query = dict(items)
    names = ", ".join(accepted)
    if unknown := len(query.keys() - accepted.keys()):
        raise InvalidParameter(f"Expected only the parameters {names}. Received {unknown} of another name.")
    if len(query) != len(items):
        raise InvalidParameter(f"Expected each of the parameters {names} once at most. Received one twice.")
    return query


def choose(name: str, wanted: str | None, accepted: Sequence[Value]) -> Value:
    """Return the wanted value, or the first of the accepted ones where None is wanted.

    Raises:
        InvalidParameter: another one.
    """
    for value in accepted:
        if wanted is None or value == wanted:
            return value
    raise InvalidParameter(f"{name}: expected one of {', '.join(accepted)}. Received another.")
