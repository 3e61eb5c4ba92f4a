"""The Open Inference Protocol: what is open, what is counted, and how a failure looks."""

from __future__ import annotations

import base64
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.keys import make_key, read_keys
from tests.api.test_admission import HeldEngine, holding
from tests.api.test_problems import assert_problem
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

FILMS = [encode(film_pixels(seed)) for seed in range(3)]
INFER = "/v2/models/pooled/infer"
OPEN = ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/pooled", "/v2/models/pooled/versions/1/ready"]


def as_request(*films: bytes, **fields: Any) -> dict[str, Any]:
    """Return a request in JSON."""
    data = [base64.b64encode(film).decode() for film in films]
    return {"inputs": [{"name": "image", "shape": [len(films)], "datatype": "BYTES", "data": data}], **fields}


def outputs(response: httpx.Response) -> dict[str, list[Any]]:
    assert response.status_code == 200, response.text
    return {output["name"]: output["data"] for output in response.json()["outputs"]}


def assert_failure(response: httpx.Response, slug: str, status: int, *words: str) -> None:
    """Check that it is a problem with `error`, which says what its detail says."""
    problem = response.json()
    assert (response.status_code, problem["type"], problem["status"]) == (status, f"/problems/{slug}", status)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["error"] == problem["detail"]
    assert [word for word in words if word not in problem["error"]] == []


def test_each_film_has_the_answer_that_predict_gives(client: httpx.Client) -> None:
    """In the order of the films."""
    answers = [client.post("/predict", content=film).json() for film in FILMS]
    response = client.post(INFER, json=as_request(*FILMS, id="42"))
    found = outputs(response)

    assert found["class"] == [answer["class"] for answer in answers]
    assert found["probability"] == [answer["probability"] for answer in answers]
    assert found["refer"] == [answer["refer"] for answer in answers]
    assert len({*found["logit"]}) == 3
    point = {"operating_point": "balanced", "threshold": answers[0]["operating_point"]["threshold"]}
    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("pooled", "1", "42")
    assert answer["parameters"] == point


def test_parameters_are_those_of_predict(client: httpx.Client) -> None:
    parameters = {"operating_point": "half", "gate": "off"}
    response = client.post(INFER, json=as_request(FILMS[0], parameters=parameters))
    expected = client.post("/predict", params=parameters, content=FILMS[0]).json()
    assert response.json()["parameters"]["operating_point"] == "half"
    assert outputs(response)["class"] == [expected["class"]]


def test_wanted_outputs_alone_are_answered(client: httpx.Client) -> None:
    """In the order in which they were named."""
    wanted = [{"name": "refer"}, {"name": "probability"}]
    assert list(outputs(client.post(INFER, json=as_request(FILMS[0], outputs=wanted)))) == ["refer", "probability"]


@pytest.mark.parametrize(
    ("slug", "status", "word", "fields"),
    [
        ("invalid-parameter", 422, "logit", {"outputs": [{"name": "heatmap"}]}),
        ("invalid-parameter", 422, "balanced", {"parameters": {"operating_point": "sharp"}}),
        ("invalid-parameter", 422, "'on' or 'off'", {"parameters": {"gate": "open"}}),
        ("invalid-parameter", 422, "operating_point, gate", {"parameters": {"priority": 1}}),
        ("malformed-form", 400, "only fields", {"model": "pooled"}),
        ("malformed-form", 400, "model_name", {"model_name": "another"}),
        ("missing-file", 400, "'image'", {"inputs": []}),
        ("missing-file", 400, "one film", as_request()),
        ("malformed-form", 400, "at most 16", as_request(*[b"film"] * 17)),
        ("malformed-form", 400, "2 inputs", {"inputs": as_request(FILMS[0])["inputs"] * 2}),
        ("unsupported-format", 415, "image[1]", as_request(FILMS[0], b"%PDF-1.7")),
        ("undecodable-image", 422, "image[2]", as_request(*FILMS[:2], FILMS[2][:900])),
        ("missing-file", 400, "image[0]", as_request(b"")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_request_is_a_problem_that_says_what_was_expected(
    slug: str, status: int, word: str, fields: dict[str, Any], client: httpx.Client, server: Running
) -> None:
    """A refused film is named by its index; nothing stays counted, and the connection stays open."""
    response = client.post(INFER, json={**as_request(FILMS[0]), **fields})
    assert_failure(response, slug, status, word)
    assert response.headers.get("Connection") != "close"
    wait_until(lambda: (server.service.admission.in_flight, server.service.admission.bytes_held) == (0, 0))


@pytest.mark.parametrize("end", ["", "/ready", "/infer"])
def test_another_model_or_version_is_not_found(end: str, client: httpx.Client) -> None:
    """Whatever is asked of it."""
    for model in ("tanh", "pooled/versions/2", "pooled/versions/01"):
        path = f"/v2/models/{model}{end}"
        response = client.post(path, json=as_request(FILMS[0])) if end == "/infer" else client.get(path)
        assert_failure(response, "not-found", 404, "pooled", "1")


def test_a_slash_more_is_not_found(client: httpx.Client) -> None:
    """And not redirected."""
    assert client.get("/v2").status_code == 200
    assert_failure(client.get("/v2/"), "not-found", 404)
    assert_failure(client.get(INFER), "method-not-allowed", 405)


def test_a_query_is_refused(client: httpx.Client) -> None:
    assert_failure(client.post(f"{INFER}?gate=off", json=as_request(FILMS[0])), "invalid-parameter", 422, "query")


def test_only_inference_needs_a_key(tiny_store: Path) -> None:
    """Probes and metadata are open, as /readyz is."""
    key, pair = make_key("caller")
    with running(tiny_store, api_keys=read_keys(pair)) as server:
        assert {server.client.get(path).status_code for path in OPEN} == {200}
        assert server.client.post("/v2/repository/index").status_code == 200
        assert_failure(server.client.post(INFER, json=as_request(FILMS[0])), "unauthorized", 401)
        answered = server.client.post(INFER, json=as_request(FILMS[0]), headers={"X-API-Key": key})
        assert answered.status_code == 200


def test_nothing_is_ready_before_the_model_is_loaded(tiny_store: Path) -> None:
    """The process is live meanwhile; while it drains, the model is described still."""
    with running(tiny_store) as server:
        predictor, server.service.predictor = server.service.predictor, None
        assert server.client.get("/v2/health/live").json() == {"live": True}
        for path in ("/v2/health/ready", "/v2/models/pooled", "/v2/models/pooled/ready"):
            assert_failure(server.client.get(path), "not-ready", 503)
        server.service.predictor = predictor
        server.service.drain()
        assert server.client.get("/v2/models/pooled").status_code == 200
        assert_failure(server.client.get("/v2/models/pooled/ready"), "not-ready", 503)
        assert_failure(server.client.post(INFER, json=as_request(FILMS[0])), "not-ready", 503)


def test_every_film_counts_as_in_flight(tiny_store: Path) -> None:
    """Until the request is answered."""

    class AnswersOnce(HeldEngine):
        def logits(self, films: np.ndarray) -> np.ndarray:
            if self.films:
                return super().logits(films)
            self.films = len(films)
            return np.zeros(len(films), np.float32)

    with running(tiny_store, max_in_flight=3) as server, ThreadPoolExecutor(1) as pool:
        admission, predictor = server.service.admission, server.service.predictor
        assert predictor is not None
        predictor.engine = engine = AnswersOnce()  # type: ignore[assignment]
        answer = pool.submit(server.client.post, INFER, json=as_request(*FILMS))
        wait_until(lambda: admission.in_flight == 3)
        assert_problem(server.client.post("/predict", content=FILMS[0]), "overloaded", 429)
        engine.go.set()
        assert len(outputs(answer.result())["class"]) == 3
        wait_until(lambda: (admission.in_flight, admission.bytes_held) == (0, 0))


def test_films_that_do_not_fit_are_refused(tiny_store: Path) -> None:
    """As overload beside others in flight; as malformed where they never fit."""
    with running(tiny_store, max_in_flight=3) as server:
        admission = server.service.admission
        admission.in_flight += 2
        response = server.client.post(INFER, json=as_request(*FILMS[:2]))
        assert_failure(response, "overloaded", 429, "3 films")
        assert int(response.headers["Retry-After"]) >= 1
        wait_until(lambda: admission.in_flight == 2)
        admission.in_flight -= 2
        assert_failure(server.client.post(INFER, json=as_request(*FILMS, *FILMS)), "malformed-form", 400, "at most 3")
        assert len(outputs(server.client.post(INFER, json=as_request(*FILMS)))["class"]) == 3


def test_the_deadline_is_that_of_the_request(tiny_store: Path) -> None:
    with holding(tiny_store, deadline_seconds=0.3) as (server, engine):
        response = server.client.post(INFER, json=as_request(*FILMS))
        assert_failure(response, "deadline-exceeded", 504)
        engine.go.set()
        wait_until(lambda: (server.service.admission.in_flight, server.service.admission.bytes_held) == (0, 0))


def test_the_films_of_a_client_that_hung_up_are_dropped(tiny_store: Path) -> None:
    """But for the one that a worker had begun, and nothing stays counted."""
    body = json.dumps(as_request(*FILMS)).encode()
    with holding(tiny_store) as (server, engine):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            wait_until(lambda: engine.films == 1)
        gone = 'pneumoserve_requests_total{outcome="client-gone"} 1.0'
        wait_until(lambda: gone in server.client.get("/metrics").text)
        engine.go.set()
        wait_until(lambda: (server.service.admission.in_flight, server.service.admission.bytes_held) == (0, 0))
        assert engine.films == 1


def test_the_gate_refuses_the_whole_request(gated_store: Path) -> None:
    """And names the film; the metrics count it."""
    noise = np.random.default_rng(1).integers(0, 256, (224, 224), np.uint8)
    films = [encode(film_pixels(1, 224, 224)), encode(noise, ".png")]
    with running(gated_store) as server:
        infer = "/v2/models/gated/infer"
        assert_failure(server.client.post(infer, json=as_request(*films)), "unsuitable-image", 422, "image[1]")
        assert 'verdict="refused"' in server.client.get("/metrics").text
        passed = server.client.post(infer, json=as_request(*films, parameters={"gate": "off"}))
        assert len(outputs(passed)["class"]) == 2


def test_metrics_count_requests_and_films(tiny_store: Path) -> None:
    with running(tiny_store) as server:
        # First, since it is counted once its unread body is thrown away.
        server.client.post("/v2/models/tanh/infer", json={})
        server.client.post(INFER, json=as_request(*FILMS))
        server.client.post("/v2/models/pooled/versions/1/infer", json={})
        metrics = server.client.get("/metrics").text
    for outcome in ("ok", "malformed-form", "not-found"):
        assert f'pneumoserve_requests_total{{outcome="{outcome}"}} 1.0' in metrics
    assert 'pneumoserve_films_total{refer="false"} 3.0' in metrics
    assert 'pneumoserve_request_seconds_count{phase="decode"} 1.0' in metrics
