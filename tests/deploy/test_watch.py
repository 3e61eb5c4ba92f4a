"""Alert rules and dashboard: they fire, and know only metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import encode, film_pixels
from tests.running import running

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMTOOL = shutil.which("promtool")
SERIES = re.compile(r"pneumoserve_[a-z_]+")


def dashboard() -> dict[str, Any]:
    return dict(json.loads((DEPLOY / "grafana" / "dashboards" / "pneumoserve.json").read_text()))


def targets() -> list[dict[str, Any]]:
    return [target for panel in dashboard()["panels"] for target in panel["targets"]]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize("arguments", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_alert_rules_are_right_and_fire(arguments: list[str]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *arguments], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def exposed(tiny_store: Path) -> str:
    """The metrics of a service on which everything has happened once."""
    with running(tiny_store) as server:
        server.client.post("/predict", content=encode(film_pixels(0)))
        server.service.metrics.count_gate("refused", "inverted")
        server.service.metrics.count_reload("swapped")
        server.service.metrics.count_request("internal-error", {})
        return server.client.get("/metrics").text


def series_of(exposed: str) -> list[tuple[str, dict[str, str]]]:
    """Return each series' name and labels, with those that Prometheus adds."""
    return [
        (sample.name, {**sample.labels, "instance": "a", "job": "pneumoserve"})
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
    ]


def test_rules_and_dashboard_know_only_metrics_and_labels_that_there_are(exposed: str) -> None:
    """In the dashboard's legends, too."""
    labels: dict[str, set[str]] = {"up": {"instance", "job"}}
    for name, found in series_of(exposed):
        labels.setdefault(name, set()).update(found)
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = [(rule["expr"], "") for rule in rules]
    asked += [(target["expr"], target["legendFormat"]) for target in targets()]
    assert len(asked) > 18
    for expression, legend in asked:
        names = set(SERIES.findall(expression)) or {"up"}
        assert names <= labels.keys(), expression
        matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
        grouped = [name for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.split(", ")]
        shown = re.findall(r"\{\{(\w+)\}\}", legend)
        known = set.union(*(labels[name] for name in names))
        assert {*matched, *grouped, *shown} <= known, (expression, legend)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
def test_every_panel_shows_something_of_a_service_that_works(exposed: str, tmp_path: Path) -> None:
    """Prometheus accepts each expression and finds samples, where all series of the service grow."""
    series = [
        {"series": f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in found.items())}}}"}
        for name, found in series_of(exposed)
    ]
    expressions = [target["expr"].replace("$__rate_interval", "1m") for target in targets()]
    queries = [
        {"expr": f"count({expression}) > bool 0", "eval_time": "2h", "exp_samples": [{"value": 1}]}
        for expression in expressions
    ]
    test = {"input_series": [each | {"values": "0+1x480"} for each in series], "promql_expr_test": queries}
    (tmp_path / "panels.yml").write_text(json.dumps({"tests": [{"interval": "15s"} | test]}))
    done = subprocess.run(
        [str(PROMTOOL), "test", "rules", "panels.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_and_compose_name_the_same_places() -> None:
    """The data source's id, and the folders that compose mounts."""
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load(next(provisioning.glob("datasources/*")).read_text())["datasources"]
    (provider,) = yaml.safe_load(next(provisioning.glob("dashboards/*")).read_text())["providers"]
    services = yaml.safe_load((DEPLOY.parent / "compose.watch.yml").read_text())["services"]
    mounts = dict(volume.split(":")[1::-1] for volume in services["grafana"]["volumes"])
    assert {panel["datasource"]["uid"] for panel in dashboard()["panels"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    assert (DEPLOY.parent / mounts[provider["options"]["path"]] / "pneumoserve.json").is_file()
    assert (DEPLOY.parent / mounts["/etc/grafana/provisioning"]).resolve() == provisioning
