"""A table of sources → pairs of a whole film and the same film's lungs alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.errors import PneumoServeError
from training.data.source_table import SourceRow, read_source_table
from training.data.sources import is_held, read_source_films

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class LungPairs:
    """Films and the same films' lungs, both uint8 (pairs, SOURCE_SIDE, SOURCE_SIDE); those held out for validation."""

    whole: Pixels
    lungs: Pixels
    is_validation: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.whole)


def read_lung_pairs(table: Path, *, proportion: float, console: Console) -> LungPairs:
    """Read the films of every patient with one row of form `whole` and one of form `lungs`.

    Args:
        table: see `read_source_table`.
        proportion: of the patients for validation, the same ones as in `read_sources`.
        console: for what was read and what could not be.

    Raises:
        PneumoServeError: training or validation has no pair.
    """
    by_patient: defaultdict[str, list[SourceRow]] = defaultdict(list)
    for row in read_source_table(table):
        if row.patient:
            by_patient[row.patient].append(row)
    wanted = [row for rows in by_patient.values() if _is_pair(rows) for row in rows]
    whole, lungs, held = [], [], []
    if wanted:
        read = read_source_films(table.parent, wanted, console)
        found: defaultdict[str, dict[str, Pixels]] = defaultdict(dict)
        for row, pixels in zip(read.rows, read.films.pixels, strict=True):
            found[row.patient][row.form] = pixels
        for patient, forms in found.items():
            if len(forms) == 2:
                whole.append(forms["whole"])
                lungs.append(forms["lungs"])
                held.append(is_held(patient, proportion) or any(row.is_validation for row in by_patient[patient]))
    console.print(f"{held.count(False)} pairs of film and lungs to train on, {held.count(True)} to validate.")
    if len(set(held)) < 2:
        raise PneumoServeError(
            "Expected patients with one row of form whole and one of form lungs, for training and for validation. "
            f"Received {held.count(False)} and {held.count(True)}."
        )
    return LungPairs(np.stack(whole), np.stack(lungs), np.array(held))


def _is_pair(rows: list[SourceRow]) -> bool:
    return sorted(row.form for row in rows) == ["lungs", "whole"]
