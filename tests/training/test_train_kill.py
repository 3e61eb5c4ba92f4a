"""Killed while it trains or writes its entry, `train` leaves a store that loads; the same command again finishes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.inference.artifact import find_entry, list_entries, open_verified
from tests.drawn import write_kaggle_layout

ROOT = Path(__file__).parents[2]
TRAIN = """
import sys
from pathlib import Path
from rich.console import Console
from tests.training.tiny import TINY
from training.train import train
from training.train_options import TrainOptions

folder = Path(sys.argv[1])
train(TrainOptions(str(folder / "data"), folder / "store", folder / "runs", validation_share=0.25), TINY, Console())
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TRAIN, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def unfinished(folder: Path) -> set[Path]:
    return set((folder / "store").glob("tiny-cnn/.1-*"))


def written(entries: set[Path]) -> int:
    """Return how many files the entry that is being written holds; -1: it is not begun."""
    return max((len(list(entry.rglob("*"))) for entry in entries), default=-1)


@pytest.mark.long
def test_a_killed_training_leaves_a_store_that_loads_and_is_finished_later(tmp_path: Path) -> None:
    """Killed once between epochs, then when its entry holds more and more files."""
    write_kaggle_layout(tmp_path / "data", 40, ("train",))
    killed_with = []
    for files in (None, 0, 4, 8):
        before, process = unfinished(tmp_path), start(tmp_path)
        while process.poll() is None:
            reached = (
                list((tmp_path / "runs").rglob("*"))
                if files is None
                else written(unfinished(tmp_path) - before) >= files
            )
            if reached:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.002)
        assert process.wait() == -signal.SIGKILL
        killed_with.append(written(unfinished(tmp_path) - before))
        assert list_entries(tmp_path / "store") == []
    assert killed_with == sorted(killed_with)
    assert start(tmp_path).wait(300) == 0
    assert list_entries(tmp_path / "store") == ["tiny-cnn/1"]
    open_verified(find_entry(tmp_path / "store", "tiny-cnn"))
