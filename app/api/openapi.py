"""What the OpenAPI description says beyond the routes: tags, the names of operations, examples of answers.

An example is a real answer, in a file of the folder `examples` that is named after its operation. One renews it so:
`curl -s http://127.0.0.1:8000/health | python -m json.tool > app/api/examples/get_health.json`.
That of the model leaves out most metrics.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from app.api.problems import SCHEMA
from app.api.v2_schemas import InferRequest

TAGS = [
    {"name": "films", "description": "Read a chest X-ray."},
    {"name": "model", "description": "What the model is, and how good."},
    {"name": "open inference protocol", "description": "For clients of KServe and Triton: see docs/open-inference.md."},
    {"name": "monitoring", "description": "For load balancers, Kubernetes and Prometheus."},
]
_EXAMPLES = Path(__file__).parent / "examples"


class DescribedApp(FastAPI):
    """A FastAPI whose description a client can be generated from: an operation is named as its function is."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(openapi_tags=TAGS, generate_unique_id_function=lambda route: route.name, **settings)

    def openapi(self) -> dict[str, Any]:
        """Return the description, with the schema that all problems share, and the examples of answers."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        described = super().openapi()
        # The route that takes it parses for itself.
        request = InferRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        described["components"]["schemas"] |= {"Problem": SCHEMA, **request.pop("$defs"), "InferRequest": request}
        for path in described["paths"].values():
            for operation in path.values():
                # Not by way of the route: FastAPI leaves out what is null.
                name = operation["operationId"].removesuffix("_version")
                _add_example(name, operation["responses"]["200"].get("content", {}))
        return described


def _add_example(operation: str, content: dict[str, Any]) -> None:
    if (path := _EXAMPLES / f"{operation}.json").exists():
        content["application/json"]["example"] = json.loads(path.read_text())
    elif (path := _EXAMPLES / f"{operation}.txt").exists():
        content["text/plain"]["example"] = path.read_text()
    elif (path := _EXAMPLES / f"{operation}.png").exists():
        # JSON holds no bytes: OpenAPI 3.1 has examples of them at a URL.
        address = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        content["image/png"]["examples"] = {"drawn film": {"externalValue": address}}
