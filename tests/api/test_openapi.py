"""The OpenAPI description: what a client can be generated from, with examples that are real."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import schemathesis
from schemathesis.schemas import BaseSchema

from app.api.problems import INTERNAL_ERROR, NOT_FOUND, PROBLEMS
from tests.api.provoked import provoke_problems
from tests.conftest import encode
from tests.drawn import draw_film
from tests.running import Running, running

STORE = Path(__file__).parents[2] / "model_store"
ENTRY = "pneumonet/3"
"""The model that answered when the examples were taken. A committed entry never changes."""


@pytest.fixture(scope="module")
def described(server: Running) -> dict[str, Any]:
    description: dict[str, Any] = server.client.get("/openapi.json").json()
    return description


@pytest.fixture(scope="module")
def shipped() -> Iterator[httpx.Client]:
    """A service of the entry that the examples are of."""
    with running(STORE, model=ENTRY) as server:
        yield server.client


def operations(described: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in described["paths"].values() for operation in path.values()]


def examples(described: dict[str, Any]) -> Iterator[tuple[str, str, int, str, Any]]:
    """Yield path, method, status, media type and example of every answer and problem."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                for media_type, content in response["content"].items():
                    for named in content.get("examples", {"": {"value": content.get("example")}}).values():
                        yield path, method, int(status), media_type, named.get("value", named.get("externalValue"))


def example_of(described: dict[str, Any], path: str, method: str = "get") -> Any:
    return next(found[-1] for found in examples(described) if found[:3] == (path, method, 200))


def shape(value: Any) -> Any:
    """Return a value's keys and types; of a list, the first item's."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value[:1]] if isinstance(value, list) else type(value)


def is_part(part: Any, whole: Any) -> bool:
    """Return whether all that one value says, the other says too."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and is_part(part[key], whole[key]) for key in part)
    return bool(part == whole)


def series(metrics: str) -> set[str]:
    """Return the names, types and labels of metrics."""
    lines = metrics.splitlines()
    return {line if line.startswith("#") else re.sub('"[^"]*"', '""', line.rpartition(" ")[0]) for line in lines}


def test_every_operation_makes_a_good_method(described: dict[str, Any]) -> None:
    """With a name of its own, one tag that is described, a summary and a description."""
    found = operations(described)
    names = [operation["operationId"] for operation in found]
    tags = {tag["name"] for tag in described["tags"] if tag["description"]}

    assert {"predict", "explain", "get_model", "get_health"} <= set(names)
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch("[a-z]+(_[a-z]+)?", name)] == []
    assert {tag for operation in found for tag in operation["tags"]} == tags
    assert [operation for operation in found if len(operation["tags"]) != 1] == []
    assert [operation for operation in found if not operation["summary"] or not operation["description"]] == []
    assert "Successful Response" not in str(found)


def test_every_answer_and_problem_has_an_example_that_its_schema_allows(
    described: dict[str, Any], server: Running
) -> None:
    schema: BaseSchema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    found = list(examples(described))
    for path, method, status, media_type, example in found:
        assert example is not None, (path, status, media_type)
        headers = {"Content-Type": media_type}
        content = {"json": example} if media_type.endswith("json") else {"text": example}
        request = httpx.Request(method, f"http://127.0.0.1{path}")
        response = httpx.Response(status, headers=headers, request=request, **content)  # type: ignore[arg-type]
        response.elapsed = timedelta()
        schema[path][method].validate_response(response)
    assert len(found) > len(operations(described)) + len(PROBLEMS)


def test_a_problem_is_one_schema_everywhere(described: dict[str, Any]) -> None:
    """So that a generated client has one class of it; Retry-After is described where it is sent."""
    reference = {"$ref": "#/components/schemas/Problem"}
    for operation in operations(described):
        for status, response in operation["responses"].items():
            if status != "200":
                assert response["content"]["application/problem+json"]["schema"] == reference
                assert ("Retry-After" in response.get("headers", {})) is (status in ("429", "503"))


def test_the_examples_of_problems_are_what_the_service_answers(described: dict[str, Any], tiny_store: Path) -> None:
    """To the word, but for the request's id and the measured seconds."""
    documented = [example for *_, kind, example in examples(described) if kind == "application/problem+json"]
    assert [each for each in documented if each.get("error", each["detail"]) != each["detail"]] == []
    expected = {example["type"]: example for example in documented}
    provoked = {problem["type"]: problem for problem in provoke_problems(tiny_store)}

    def comparable(problems: dict[str, Any]) -> dict[str, Any]:
        return {
            kind: problem | {"error": None, "request_id": "", "detail": re.sub(r"[\d.]+ s\b", "… s", problem["detail"])}
            for kind, problem in problems.items()
        }

    all_problems = [*PROBLEMS.values(), INTERNAL_ERROR, NOT_FOUND]
    assert set(provoked) == {f"/problems/{problem.slug}" for problem in all_problems}
    assert comparable(expected) == comparable(provoked)


def test_the_example_of_a_prediction_is_a_real_answer(described: dict[str, Any], shipped: httpx.Client) -> None:
    """Of another film."""
    example = example_of(described, "/predict", "post")
    form = {"file": ("film.png", encode(draw_film("PNEUMONIA", 1), ".png"))}
    answer = shipped.post("/predict?gate=off", files=form).json()

    assert shape(example) == shape(answer)
    assert (example["model"], example["operating_point"]) == (answer["model"], answer["operating_point"])


def test_the_example_of_an_explanation_is_a_real_answer(described: dict[str, Any], shipped: httpx.Client) -> None:
    """Of a small drawn film; rounding on another processor may change a pixel by one gray value."""
    kind, _, example = example_of(described, "/explain", "post").partition(",")
    film = encode(draw_film("PNEUMONIA", 1, 64, 72), ".png")
    pictures = [
        cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
        for png in (base64.b64decode(example), shipped.post("/explain?gate=off", content=film).content)
    ]
    assert kind == "data:image/png;base64"
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_the_examples_of_model_and_health_are_real_answers(described: dict[str, Any], shipped: httpx.Client) -> None:
    """The same, but for the uptime, and most of the metrics."""
    model, health = example_of(described, "/model"), example_of(described, "/health")
    real_model, real_health = shipped.get("/model").json(), shipped.get("/health").json()

    assert is_part(model.pop("metrics"), real_model.pop("metrics"))
    assert model == real_model
    assert shape(health) == shape(real_health)
    assert health | {"uptime_seconds": 0} == real_health | {"uptime_seconds": 0}
    for path in ("/livez", "/readyz", "/v2", "/v2/health/live", "/v2/health/ready"):
        assert example_of(described, path) == shipped.get(path).json()
    for path in ("", "/ready", "/versions/{version}", "/versions/{version}/ready"):
        answer = shipped.get(f"/v2/models/pneumonet{path}".replace("{version}", "3")).json()
        assert example_of(described, f"/v2/models/{{model}}{path}") == answer
    assert example_of(described, "/v2/repository/index", "post") == shipped.post("/v2/repository/index").json()


def test_the_example_of_an_inference_is_a_real_answer(described: dict[str, Any], shipped: httpx.Client) -> None:
    example = example_of(described, "/v2/models/{model}/infer", "post")
    film = base64.b64encode(encode(draw_film("PNEUMONIA", 1), ".png")).decode()
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [film]}
    request = {"id": "42", "parameters": {"gate": "off"}, "inputs": [tensor]}
    answer = shipped.post("/v2/models/pneumonet/versions/3/infer", json=request).json()

    assert shape(example) == shape(answer)
    assert example["parameters"] == answer["parameters"]


def test_the_example_of_metrics_is_a_real_answer(described: dict[str, Any], shipped: httpx.Client) -> None:
    """With the same series, once a film was answered."""
    shipped.post("/predict?gate=off", content=encode(draw_film("PNEUMONIA", 1)))
    assert series(example_of(described, "/metrics")) == series(shipped.get("/metrics").text)
