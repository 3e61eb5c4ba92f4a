from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api import model_choice
from app.inference import artifact
from app.inference.predictor import Predictor, open_predictor
from app.main import create_app
from app.settings import Settings
from tests.api.test_problems import assert_problem
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until


def test_health_names_model_and_engine(client: httpx.Client, tiny_store: Path) -> None:
    health = client.get("/health").json()
    sha256 = artifact.find_entry(tiny_store).manifest.sha256.model_keras

    assert list(health) == ["status", "model", "engine", "uptime_seconds"]
    assert health["status"] == "ok"
    assert health["model"] == {"name": "pooled", "version": "1", "sha256": sha256}
    assert health["engine"] == "openvino"
    assert health["uptime_seconds"] > 0


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz"])
def test_head_answers_without_a_body(client: httpx.Client, path: str) -> None:
    """Load balancers ask with HEAD."""
    response = client.head(path)

    assert (response.status_code, response.content) == (200, b"")


def test_while_the_model_loads_the_port_is_open(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Films, health and model are 503 with Retry-After until the golden films have passed."""
    go = threading.Event()

    def wait_then_open(*arguments: Any, **named: Any) -> Predictor:
        go.wait(20)
        return open_predictor(*arguments, **named)

    monkeypatch.setattr(model_choice, "open_predictor", wait_then_open)
    with running(tiny_store, wait_ready=False) as server:
        assert server.client.get("/livez").status_code == 200
        for response in (
            server.client.get("/health"),
            server.client.get("/readyz"),
            server.client.get("/model"),
            server.client.post("/predict", content=encode(film_pixels(0))),
        ):
            assert_problem(response, "not-ready", 503)
            assert int(response.headers["Retry-After"]) >= 1
        go.set()
        wait_until(lambda: server.client.get("/health").status_code == 200)


def test_the_model_describes_itself(client: httpx.Client) -> None:
    """Thresholds are probabilities."""
    model = client.get("/model").json()

    assert list(model) == [
        "name", "version", "sha256", "created", "input", "labels", "operating_points", "default_operating_point",
        "refer_band", "prevalence", "metrics", "intended_use",
    ]  # fmt: skip
    assert model["input"] == {"width": 150, "height": 150, "resize": "squeeze-inter-area"}
    assert model["labels"] == ["NORMAL", "PNEUMONIA"]
    assert model["operating_points"]["half"] == 0.5
    assert model["refer_band"] is None
    assert model["prevalence"] == 0.7


def test_metrics_count_what_was_answered(tiny_store: Path) -> None:
    """Outcomes, phases and probabilities; callers can invent no label."""
    with running(tiny_store) as server:
        server.client.post("/predict", content=encode(film_pixels(0)))
        server.client.post("/predict", content=b"GIF89a", headers={"X-Request-ID": "invented"})
        server.client.get("/invented")
        text = server.client.get("/metrics").text

    assert 'pneumoserve_requests_total{outcome="ok"} 1.0' in text
    assert 'pneumoserve_requests_total{outcome="unsupported-format"} 1.0' in text
    assert 'pneumoserve_request_seconds_count{phase="infer"} 1.0' in text
    assert 'pneumoserve_request_seconds_count{phase="total"} 2.0' in text
    assert "pneumoserve_in_flight 0.0" in text
    assert 'pneumoserve_batch_size_bucket{le="1.0"} 1.0' in text
    assert "pneumoserve_probability_count 1.0" in text
    assert "invented" not in text


def test_docs_work_offline(client: httpx.Client) -> None:
    """All that the page loads comes from this server."""
    page = client.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assets = [address for address in loaded if not address.startswith("data:")]

    assert len(assets) == 2
    for address in assets:
        assert address.startswith("docs/assets/")
        assert client.get(f"/{address}").status_code == 200
    assert "https://" not in page


def test_the_openapi_description_names_every_route(server: Running) -> None:
    described = server.client.get("/openapi.json").json()
    paths = described["paths"]

    ours = {path for path in paths if not path.startswith("/v2")}
    assert ours == {"/predict", "/explain", "/health", "/livez", "/readyz", "/model", "/metrics"}
    for path in ("/predict", "/explain"):
        assert set(paths[path]["post"]["requestBody"]["content"]) == {
            "multipart/form-data",
            "application/json",
            "application/octet-stream",
        }


def test_a_model_that_does_not_fit_ends_the_process_with_1(tiny_store: Path, tmp_path: Path) -> None:
    """One line, no traceback."""
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    weights = store / "pooled" / "1" / "serving" / "model.bin"
    damaged = bytearray(weights.read_bytes())
    damaged[100] ^= 1
    weights.write_bytes(damaged)
    command = [sys.executable, "pneumoserve.py", "serve", "--port", "0"]
    ended = subprocess.run(
        command, env={"PNEUMOSERVE_MODEL_STORE": str(store), "PATH": ""}, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 1
    assert "pooled/1: expected serving with sha256" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_an_unexpected_failure_while_loading_is_told(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is raised; otherwise the service would never be ready."""

    def fail(*_arguments: object, **_settings: object) -> None:
        raise KeyError("a path, perhaps")

    refused: list[Exception] = []
    monkeypatch.setattr(model_choice, "open_predictor", fail)
    app = create_app(Settings(model_store=tiny_store), refused=refused.append)

    async def start() -> None:
        async with app.router.lifespan_context(app):
            while not refused:
                await asyncio.sleep(0.01)

    with caplog.at_level("ERROR", "pneumoserve"):
        asyncio.run(asyncio.wait_for(start(), 15))

    assert [type(error) for error in refused] == [KeyError]
    assert [record.fields["reason"] for record in caplog.records] == ["unexpected KeyError"]  # type: ignore[attr-defined]


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    """By its variable, with status 2."""
    ended = subprocess.run(
        [sys.executable, "pneumoserve.py", "serve"],
        env={"PNEUMOSERVE_MAX_PIXELS": "many", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 2
    assert "PNEUMOSERVE_MAX_PIXELS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_log_holds_json_alone() -> None:
    """Libraries log errors alone, without a traceback."""
    script = (
        "import logging; from app.api.log import configure_logging; configure_logging('json')\n"
        "logging.getLogger('python_multipart.multipart').warning('Expected boundary character 45')\n"
        "try: 1 / 0\n"
        "except ZeroDivisionError: logging.getLogger('asyncio').exception('Exception in callback')\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr

    assert [json.loads(line)["message"] for line in printed.splitlines()] == ["Exception in callback"]
