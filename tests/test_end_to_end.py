from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from rich.console import Console

from app.inference.artifact_writer import set_default
from tests.drawn import write_kaggle_layout
from tests.running import wait_until
from tests.training.tiny import TINY
from training.train import train
from training.train_options import TrainOptions

COMMAND = [sys.executable, "pneumoserve.py"]


def test_from_drawn_films_to_a_scored_folder(tmp_path: Path) -> None:
    """Train, save, serve, ask over HTTP, score, evaluate: all metrics agree."""
    data, store, out = tmp_path / "data", tmp_path / "store", tmp_path / "result.csv"
    write_kaggle_layout(data, 40)
    (data / "train" / "NORMAL" / "broken.jpeg").write_bytes(b"\xff\xd8\xff no film")
    entry = train(TrainOptions(str(data), store, tmp_path / "runs"), TINY, Console(quiet=True))
    set_default(store, "tiny-cnn/1")
    environment = {**os.environ, "PNEUMOSERVE_MODEL_STORE": str(store), "PNEUMOSERVE_LOG_FORMAT": "text"}
    films = data / "train"

    port = 18765 + os.getpid() % 1000
    server = subprocess.Popen([*COMMAND, "serve", "--port", str(port)], env=environment)
    try:
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            try:
                return httpx.get(f"{url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_ready, 60)
        film = next((films / "PNEUMONIA").glob("*.jpeg"))
        answer = httpx.post(f"{url}/predict?activation_maps=all", files={"file": (film.name, film.read_bytes())}).json()
        score = [*COMMAND, "score", str(films), "--url", url, "--out", str(out), "--labels", "folders"]
        scored = subprocess.run(score, capture_output=True, text=True, timeout=120)
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(30)
    evaluated = subprocess.run(
        [*COMMAND, "evaluate", "--data", str(films), "--out", str(tmp_path / "report")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert entry == store / "tiny-cnn" / "1"
    assert status == 0
    assert [plot["kind"] for plot in answer["activation_maps"]] == ["cam", "layer", "layer"]

    rows = list(csv.DictReader(out.read_text().splitlines()))
    good = [row for row in rows if not row["error"]]
    assert len(rows) == 81
    assert [Path(row["path"]).name for row in rows if row["error"]] == ["broken.jpeg"]
    assert scored.returncode == 1, scored.stderr
    mine = next(row for row in rows if Path(row["path"]).name == film.name)
    assert float(mine["probability"]) == answer["probability"]

    right = sum(Path(row["path"]).parent.name == row["class"] for row in good)
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert right / len(good) > 0.9
    assert evaluated.returncode == 1, evaluated.stdout + evaluated.stderr
    assert "broken.jpeg" in evaluated.stdout
    accuracies = {round(found, 3) for found in _accuracies(metrics)}
    assert round(right / len(good), 3) in accuracies
    assert re.search(rf"ccuracy\D+{right / len(good):.3f}", scored.stdout), scored.stdout


def _accuracies(tree: object) -> list[float]:
    """Return every accuracy in a report."""
    if isinstance(tree, dict):
        own = tree.get("accuracy")
        found = [own["value"]] if isinstance(own, dict) and own.get("value") is not None else []
        return found + [value for branch in tree.values() for value in _accuracies(branch)]
    return []
