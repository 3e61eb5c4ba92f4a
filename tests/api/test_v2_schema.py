"""The Open Inference Protocol's own OpenAPI description, see open_inference_protocol/README.md.

`FUZZ_TIMES` multiplies the generated requests.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.conftest import encode, film_pixels
from tests.running import Running

DESCRIPTION = Path(__file__).parent / "open_inference_protocol" / "dataplane.json"
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
PATHS = ["/v2", "/v2/health/live", "/v2/health/ready"] + [
    f"/v2/models/{{model_name}}{version}{end}"
    for version in ("", "/versions/{model_version}")
    for end in ("", "/ready", "/infer")
]
FILM = base64.b64encode(encode(film_pixels(1, 80, 80))).decode()


def describe() -> dict[str, Any]:
    """Return the description, without the addresses that the protocol does not ask for: of text and streams."""
    description: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    description["paths"] = {path: description["paths"][path] for path in PATHS}
    # The file allows the type `bytes` too, which OpenAPI does not have.
    description["components"]["schemas"]["TensorData"] = {"type": "array"}
    return description


def complete(body: dict[str, Any]) -> dict[str, Any]:
    """Put a film into a generated request, so that the rest of it is looked at."""
    film = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [FILM]}
    return {**body, "inputs": [film]}


def ask(server: Running, case: Case) -> int:
    """Check the answer, and return its status."""
    response = case.call(base_url=f"http://127.0.0.1:{server.port}")
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])
    if response.status_code != 200:
        assert isinstance(response.json()["error"], str)
    return response.status_code


# The server's thread draws request ids meanwhile, from the random numbers that Hypothesis watches.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize("path", PATHS)
def test_the_protocols_description_fits(path: str, server: Running) -> None:
    """Whatever it allows is answered as it says, of the running model and of others; a failure carries `error`."""
    seen: set[int] = set()
    for result in schemathesis.openapi.from_dict(describe()).get_all_operations():
        operation = result.ok()
        if operation.path != path:
            continue

        @settings(max_examples=8 * TIMES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: Case) -> None:
            seen.add(ask(server, case))
            if case.path_parameters:
                case.path_parameters |= {"model_name": "pooled", "model_version": "1"}
                seen.add(ask(server, case))
            if isinstance(case.body, dict):
                case.body = complete(case.body)
                seen.add(ask(server, case))

        check()
    assert 200 in seen
    assert (404 in seen) is ("model_name" in path)
