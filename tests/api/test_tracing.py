"""Traces, sent to a collector on a socket of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.tracing import FLUSH_SECONDS, open_tracing
from app.errors import PneumoServeError
from app.keys import make_key
from tests.api.collector import Collector, attributes_of, collecting
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until
from tests.serving import ROOT, environment, served

FILM = encode(film_pixels())
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEY, PAIR = make_key("ward-3")
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as kept:
        yield kept


@pytest.fixture(scope="module")
def client(tiny_store: Path, collector: Collector) -> Iterator[httpx.Client]:
    """A client of a service that traces."""
    foreign = SOON | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_RESOURCE_ATTRIBUTES": "site=north"}
    with (
        served(MODEL_STORE=tiny_store, API_KEYS=PAIR, foreign=foreign) as process,
        httpx.Client(base_url=process.url, headers={"X-API-Key": KEY}) as client,
    ):
        yield client


def parent(trace: str, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{SPAN}-{flags}", "tracestate": "ward=MEIER"}


def span_of(collector: Collector, trace: str, name: str) -> Any:
    """Return the one server span of a trace, once it has come."""
    wanted = bytes.fromhex(trace)
    wait_until(lambda: [span for span in collector.servers(name) if span.trace_id == wanted])
    (span,) = [span for span in collector.servers(name) if span.trace_id == wanted]
    return span


def test_a_film_is_one_span_with_a_child_a_phase(client: httpx.Client, collector: Collector) -> None:
    """Within it, one behind the other, under the caller's trace."""
    answer = client.post("/predict?gate=off", content=FILM, headers=parent(TRACE))
    assert answer.status_code == 200
    span = span_of(collector, TRACE, "POST /predict")
    assert span.parent_span_id.hex() == SPAN
    phases = collector.children(span)
    assert [child.name for child in phases] == ["read", "wait", "decode", "infer"]
    times = [time for child in phases for time in (child.start_time_unix_nano, child.end_time_unix_nano)]
    assert times == sorted(times)
    assert span.start_time_unix_nano == times[0] < times[-1] <= span.end_time_unix_nano
    assert abs(span.end_time_unix_nano / 1e9 - time.time()) < 60
    assert attributes_of(span) == {
        "http.request.method": "POST",
        "http.route": "/predict",
        "http.request.body.size": len(FILM),
        "http.response.status_code": 200,
        "http.response.body.size": 4096,
        "pneumoserve.outcome": "ok",
        "pneumoserve.model.name": "pooled",
        "pneumoserve.model.version": "1",
        "pneumoserve.model.sha256": answer.json()["model"]["sha256"],
    }
    (resource,) = {tuple(sorted(each.items())) for each in collector.resources}
    assert dict(resource)["service.name"] == "pneumoserve"
    assert dict(resource)["site"] == "north"


def test_nothing_of_the_caller_or_the_answer_leaves(client: httpx.Client, collector: Collector) -> None:
    """No file name, id, key, its name, tracestate, query, class, probability."""
    trace = TRACE[::-1]
    headers = parent(trace) | {"X-Request-ID": "MEIER-ACCESSION", "User-Agent": "MEIER", "baggage": "patient=MEIER"}
    files = {"file": ("MEIER_HANS.jpeg", FILM, "image/MEIER")}
    answer = client.post("/predict?gate=off&operating_point=half", files=files, headers=headers)
    client.request("MEIER", "/MEIER_HANS?MEIER", headers=headers)
    span_of(collector, trace, "POST /predict")
    unknown = span_of(collector, trace, "other")
    assert attributes_of(unknown).keys() == {
        *("http.request.method", "http.request.body.size", "http.response.status_code", "http.response.body.size"),
        *("pneumoserve.outcome", "error.type"),
    }
    told = [
        "MEIER",
        "ACCESSION",
        "ward",
        "half",
        KEY,
        PAIR[-64:],
        answer.json()["class"],
        str(answer.json()["probability"]),
    ]
    sent = b"".join(collector.raw)
    assert [part for part in told if part.encode() in sent] == []


def test_a_refused_film_names_the_problem_and_has_what_was_measured(client: httpx.Client, collector: Collector) -> None:
    client.post("/predict", content=b"no film", headers=parent("1" * 32))
    refused = span_of(collector, "1" * 32, "POST /predict")
    assert [child.name for child in collector.children(refused)] == ["read"]
    assert attributes_of(refused)["error.type"] == attributes_of(refused)["pneumoserve.outcome"] == "unsupported-format"
    assert refused.status.code == refused.status.STATUS_CODE_UNSET


def test_a_caller_that_samples_nothing_is_obeyed_and_a_broken_parent_is_none(
    client: httpx.Client, collector: Collector
) -> None:
    before = len(collector.servers("GET /livez"))
    client.get("/livez", headers=parent("2" * 32, flags="00"))
    for broken in ("", "x" * 2000, f"00-{'0' * 32}-{SPAN}-01", f"ff-{'3' * 32}-{SPAN}-01", "ä".encode()):
        client.get("/livez", headers=[(b"traceparent", broken if isinstance(broken, bytes) else broken.encode())])
    wait_until(lambda: len(collector.servers("GET /livez")) >= before + 5)
    spans = collector.servers("GET /livez")[before:]
    assert len(spans) == 5
    assert {span.trace_id.hex() for span in spans}.isdisjoint({"2" * 32, "3" * 32, "0" * 32})
    assert {bytes(span.parent_span_id) for span in spans} == {b""}


@contextmanager
def tracing_server(store: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Iterator[Running]:
    """Run a service that traces as OpenTelemetry's variables say."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with running(store, tracing=open_tracing(os.environ, "1")) as server:
        yield server


def test_the_last_spans_are_sent_before_the_end(
    tiny_store: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the next batch is a minute away; sampler and name are OpenTelemetry's variables'."""
    with tracing_server(
        tiny_store,
        monkeypatch,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{collector.url}/v1/traces",
        OTEL_BSP_SCHEDULE_DELAY="60000",
        OTEL_TRACES_SAMPLER="parentbased_always_off",
        OTEL_SERVICE_NAME="xray",
    ) as server:
        server.client.post("/explain?gate=off", content=FILM, headers=parent("4" * 32))
        server.service.drain()
        server.client.get("/readyz", headers=parent("5" * 32))
        server.client.get("/openapi.json")
        assert all(span.trace_id.hex() != "4" * 32 for span in collector.spans)
    span = span_of(collector, "4" * 32, "POST /explain")
    assert [child.name for child in collector.children(span)] == ["read", "wait", "decode", "infer", "explain"]
    unready = span_of(collector, "5" * 32, "GET /readyz")
    assert unready.status.code == unready.status.STATUS_CODE_ERROR
    assert collector.servers("GET /openapi.json") == []
    assert [each["service.name"] for each in collector.resources].count("xray") == 1


def test_a_collector_that_never_answers_neither_slows_nor_breaks_anything(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Films are answered, and the end waits no longer than its bound."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        deaf.settimeout(10)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with tracing_server(tiny_store, monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=url, **SOON) as server:
            statuses = {server.client.post("/predict?gate=off", content=FILM).status_code for _ in range(20)}
            connection, _ = deaf.accept()  # it was asked
            begun = time.monotonic()
        took = time.monotonic() - begun
        connection.close()
    assert statuses == {200}
    assert took < FLUSH_SECONDS + 5


def test_a_collector_that_is_down_is_logged_and_films_are_answered(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    variables = SOON | {"OTEL_EXPORTER_OTLP_TIMEOUT": "0.2"}
    with tracing_server(tiny_store, monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=url, **variables) as server:
        assert server.client.post("/predict?gate=off", content=FILM).status_code == 200
        wait_until(lambda: "Failed to export spans" in caplog.text)
        assert server.client.post("/predict?gate=off", content=FILM).status_code == 200


OFF: list[dict[str, str]] = [
    {},
    {"OTEL_SERVICE_NAME": "xray"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"},
]


@pytest.mark.parametrize("variables", OFF)
def test_without_an_endpoint_there_are_no_traces(variables: dict[str, str]) -> None:
    assert open_tracing(variables, "1") is None


def test_without_traces_nothing_of_the_sdk_is_imported(tiny_store: Path) -> None:
    code = """if True:
        import os, sys
        from pathlib import Path
        from app.api.tracing import open_tracing
        from app.main import create_app
        from app.settings import Settings
        create_app(Settings(model_store=Path(sys.argv[1])), tracing=open_tracing(os.environ, "1"))
        print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
    """
    command = [sys.executable, "-c", code, str(tiny_store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_EXPORTER", "console"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_traces_that_cannot_be_sent_are_said(name: str, value: str) -> None:
    with pytest.raises(PneumoServeError, match=f"Expected {name} to be"):
        open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", name: value}, "1")


def test_a_value_that_opentelemetry_refuses_is_said_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "17")  # less than a batch
    with pytest.raises(PneumoServeError, match="Expected values of OTEL_ variables") as raised:
        open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "1")
    assert "17" not in str(raised.value)


def test_without_the_extra_one_line_says_what_to_install_and_films_are_served(tiny_store: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['opentelemetry.sdk'] = None")
    foreign = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with served(MODEL_STORE=tiny_store, foreign=foreign) as process:
        assert httpx.post(f"{process.url}/predict?gate=off", content=FILM).status_code == 200
    (line,) = [line for line in process.lines if line["message"] == "no traces"]
    assert line["level"] == "warning"
    assert "pip install 'pneumoserve[tracing]'" in line["reason"]
