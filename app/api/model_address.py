"""`/v2/models/{model}[/versions/{version}]`: an address that names a model."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from app.errors import UnknownModel
from app.inference.predictor import Predictor

ADDRESSES = {"": ("model",), "_version": ("model", "version")}
"""What the name of an operation ends with, and the parts of its address."""


def write_path(parts: tuple[str, ...], end: str = "") -> str:
    """Return the path with these parts, as routes have it."""
    return "".join(f"/{part}s/{{{part}}}" for part in parts) + end


def describe_parts(parts: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of the parts."""
    return [{"name": part, "in": "path", "required": True, "schema": {"type": "string"}} for part in parts]


def check_model(request: Request, predictor: Predictor) -> Predictor:
    """Return the running model, where it is the one that the address names.

    Raises:
        UnknownModel: it is not.
    """
    manifest, wanted = predictor.manifest, request.path_params
    if wanted["model"] != manifest.name or wanted.get("version", manifest.version) != manifest.version:
        raise UnknownModel(f"Expected the model {manifest.name}, or its version {manifest.version}. Received another.")
    return predictor
