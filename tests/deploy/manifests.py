"""The Kubernetes manifests, and what checks them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import importlib_resources
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.37.0"
_KSERVE = Path(__file__).parent / "kserve" / "inferenceservice.json"
_SERVICE_MONITOR = {
    # The part of monitoring.coreos.com/v1 that is used here: its definition is not among Kubernetes' own.
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://kubernetes.io/api/servicemonitor.json",
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": {"$ref": "/api/_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["selector", "endpoints"],
            "properties": {
                "selector": {
                    "$ref": "/api/_definitions.json#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"
                },
                "endpoints": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {name: {"type": "string"} for name in ("port", "path", "interval")},
                    },
                },
            },
        },
    },
}


def documents() -> dict[str, dict[str, Any]]:
    """Return each manifest by its path below the folder, kustomize's own files left out."""
    files = sorted(FOLDER.rglob("*.yaml"))
    return {
        str(file.relative_to(FOLDER)): yaml.safe_load(file.read_text())
        for file in files
        if file.name not in ("kustomization.yaml", "images.yaml")
    }


@cache
def validator(kind: str, api_version: str) -> Draft202012Validator:
    """Return what refuses a document of this kind with a key that the kind does not know."""
    definitions = _read("_definitions.json")
    if kind == "InferenceService":
        schema = json.loads(_KSERVE.read_text())
    elif kind == "ServiceMonitor":
        schema = _SERVICE_MONITOR
    else:
        group, _, version = api_version.rpartition("/")
        name = f"{kind.lower()}-{group.split('.')[0]}{'-' if group else ''}{version}.json"
        schema = _read(name)
    registry: Registry[Any] = Resource.from_contents(definitions) @ Registry()
    return Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry)


def pod(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return the Pod that a document describes, if any."""
    spec = document["spec"]
    found: dict[str, Any] | None = spec.get("predictor") or spec.get("template", {}).get("spec")
    return found


def keys(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each mapping with each of its keys, but those of maps whose keys are free: labels and quantities."""
    if isinstance(value, list):
        for item in value:
            yield from keys(item)
    if isinstance(value, dict):
        for key, inner in value.items():
            if "/" in key:  # a Service's selector
                continue
            yield value, key
            if key not in ("labels", "matchLabels", "requests", "limits"):
                yield from keys(inner)


def _read(name: str) -> Any:
    folder = importlib_resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{VERSION}-local-strict"
    return json.loads((folder / name).read_text())
