"""Alert rules and dashboard: they fire, and know only metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import encode, film_pixels
from tests.running import running

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMTOOL = shutil.which("promtool")
SERIES = re.compile(r"pneumoserve_[a-z_]+")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize("arguments", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]])
def test_alert_rules_are_right_and_fire(arguments: list[str]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *arguments], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_dashboard_know_only_metrics_that_there_are(tiny_store: Path) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "pneumoserve.json").read_text())
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel["targets"]}
    asked.add((DEPLOY / "prometheus" / "alerts.yml").read_text())
    names = {name for expression in asked for name in SERIES.findall(expression)}
    with running(tiny_store) as server:
        server.client.post("/predict", content=encode(film_pixels(0)))
        exposed = {line.split("{")[0].split(" ")[0] for line in server.client.get("/metrics").text.splitlines()}
        described = set(SERIES.findall(server.client.get("/metrics").text))
    assert len(names) > 8
    # A counter with labels has no series before its first event, only its description.
    assert {name for name in names if name not in exposed and name not in described} == set()
