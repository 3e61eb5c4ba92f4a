"""A site with labelled films, for each module of tests of the audit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from tests.drawn import write_kaggle_layout
from training.data.dataset import read_dataset
from training.evaluation.evaluation import Selection

QUIET = Console(quiet=True)
SIZE = {"width": 150, "height": 150}


@pytest.fixture(scope="module")
def site(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Selection:
    """Drawn films, and a store whose model records them as its training films; its validation films are selected."""
    folder = tmp_path_factory.mktemp("site")
    write_kaggle_layout(folder / "data", 12)
    (folder / "data" / "train" / "NORMAL" / "broken.jpeg").write_bytes(b"no film")
    shutil.copytree(tiny_store, folder / "store")
    dataset = read_dataset(folder / "data", **SIZE, patients=None, proportion=0.5, seed=4, console=QUIET)
    path = folder / "store" / "pooled" / "1" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "training_data": dataset.facts.model_dump()}))
    return Selection(folder / "data", folder / "store", "pooled/1", split="validation")
