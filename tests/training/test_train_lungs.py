"""`train-lungs` writes a network that `train --lungs` reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from tests.training.drawn_sources import write_sources
from training.networks.lungs import read_lung_network
from training.train_commands import train_lungs


@pytest.mark.long
def test_the_command_writes_a_lung_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints pairs, progress and the validation Dice coefficient, and makes the folder."""
    out = tmp_path / "new" / "lungs.keras"
    train_lungs(write_sources(tmp_path, 6), out, validation_share=0.25, seed=1, steps=1)
    read_lung_network(out)
    printed = capsys.readouterr().out
    assert "pairs of film and lungs to train on" in printed
    assert "Step 1 of 1: loss" in printed
    assert "; validation Dice 0." in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "message"), [("none.csv", "a CSV of sources. Received: No such file"), ("x.h5", "ends in .keras")]
)
def test_a_wrong_call_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str) -> None:
    """With status 2."""
    out = tmp_path / (name if name == "x.h5" else "lungs.keras")
    with pytest.raises(typer.Exit) as ended:
        train_lungs(tmp_path / "none.csv", out, validation_share=0.25, seed=1, steps=1)
    assert ended.value.exit_code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
