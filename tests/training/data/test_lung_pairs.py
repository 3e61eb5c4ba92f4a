"""Pairs of film and lungs are found by patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from app.errors import PneumoServeError
from tests.training.drawn_sources import draw, write_sources
from training.data.lung_pairs import read_lung_pairs
from training.data.sources import is_held

QUIET = Console(quiet=True)


def test_a_pair_is_a_patients_whole_film_and_its_lungs(tmp_path: Path) -> None:
    """Patients with one film, with three, or without a name make no pair; the split is that of the films."""
    table = write_sources(tmp_path, 8)
    lines = table.read_text().splitlines()
    extra = lines[1].replace("NORMAL-0.png", "NORMAL-1.png")
    (tmp_path / "again.png").write_bytes((tmp_path / "here" / "NORMAL-1.png").read_bytes())
    alone = [line for line in lines if not line.startswith("lungs/NORMAL-0")]
    alone.append(extra.replace("here/NORMAL-1.png", "again.png").replace("NORMAL-0", "NORMAL-1"))
    table.write_text("\n".join(alone))
    pairs = read_lung_pairs(table, proportion=0.5, console=QUIET)
    kept = [f"{name}-{number}" for name in ("NORMAL", "PNEUMONIA") for number in range(8)][2:]
    assert len(pairs) == len(kept)
    assert pairs.is_validation.tolist() == [is_held(patient, 0.5) for patient in kept]
    np.testing.assert_array_equal(pairs.whole[0], draw(0, 102))
    np.testing.assert_array_equal(pairs.lungs[0], draw(0, 102, "lungs"))
    np.testing.assert_array_equal(pairs.lungs[-1], draw(1, 107, "lungs"))


def test_the_role_validation_holds_a_pair_out(tmp_path: Path) -> None:
    """As it does the films."""
    table = write_sources(tmp_path, 4)
    table.write_text(table.read_text().replace("NORMAL-2,adult,AP,lungs,,", "NORMAL-2,adult,AP,lungs,validation,"))
    held = read_lung_pairs(table, proportion=0.0, console=QUIET).is_validation
    assert held.tolist() == [False, False, True, *[False] * 5]


def test_a_table_without_pairs_is_refused(tmp_path: Path) -> None:
    """In one line, with the numbers."""
    table = write_sources(tmp_path, 2)
    table.write_text("\n".join(line for line in table.read_text().splitlines() if not line.startswith("lungs/")))
    with pytest.raises(PneumoServeError, match=r"one row of form whole and one of form lungs.*Received 0 and 0"):
        read_lung_pairs(table, proportion=0.5, console=QUIET)
