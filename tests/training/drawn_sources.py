"""Drawn films of several sources, as files with their table and in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.names import LABELS
from tests.conftest import encode
from tests.drawn import draw_film
from training.augmentation.lungs import shrink_to_mask
from training.augmentation.source_pool import SourcePool
from training.data.source_table import Form, Population, SourceRow, View

HEADER = "path,class,source,patient,population,view,form,role,licence"
SIDE = 224


def draw_lungs(label: int, seed: int, side: int = SIDE) -> NDArray[np.uint8]:
    """Return the lungs of `tests.drawn.draw_film`: 255 within, 0 without."""
    rng = np.random.default_rng([seed, label])
    centre = np.array([side / 2, side / 2]) + rng.uniform(-0.03, 0.03, 2) * side
    lungs = np.zeros((side, side), np.uint8)
    for half in (-1, 1):
        x, y = centre + np.array([half * 0.2 * side, 0.0])
        cv2.ellipse(lungs, (int(x), int(y)), (int(0.15 * side), int(0.34 * side)), 0, 0, 360, 255, -1)
    return lungs


def draw(label: int, seed: int, form: Form = "whole") -> NDArray[np.uint8]:
    """Return a drawn film, whole or only its lungs."""
    film = draw_film(LABELS[label], seed, SIDE, SIDE)
    return film if form == "whole" else np.where(draw_lungs(label, seed) > 0, np.maximum(film, 30), 0).astype(np.uint8)


def write_film(folder: Path, path: str, film: NDArray[np.uint8]) -> None:
    """Write a film as PNG, which keeps its pixels."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(encode(film, ".png"))


def write_sources(folder: Path, patients: int = 12) -> Path:
    """Write films of adults and their table, and return the table.

    Per class `patients` patients, each with a whole film of source `here` (NORMAL) or `there` (PNEUMONIA) and its lungs
    of source `lungs`, views by turns.
    """
    lines = [HEADER]
    for label, name in enumerate(LABELS):
        for number in range(patients):
            patient, view = f"{name}-{number}", ("AP", "PA")[number % 2]
            for form, source in (("whole", ("here", "there")[label]), ("lungs", "lungs")):
                path = f"{source}/{patient}.png"
                write_film(folder, path, draw(label, 100 + number, "whole" if form == "whole" else "lungs"))
                lines.append(f"{path},{name},{source},{patient},adult,{view},{form},,CC0")
    table = folder / "sources.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def row(
    label: int,
    source: str = "",
    population: Population = "child",
    form: Form = "whole",
    view: View = "",
    patient: str = "",
) -> SourceRow:
    """Return a row of a film."""
    return SourceRow("", label, source, patient, population, view, form)


def make_pool(rows: Sequence[SourceRow]) -> SourcePool:
    """Return a pool of drawn films; film `number` is drawn with the seed `number`, and knows its own lungs."""
    pixels = [draw(row.label, number, row.form) for number, row in enumerate(rows)]
    masks = [shrink_to_mask(draw_lungs(row.label, number)) for number, row in enumerate(rows)]
    return SourcePool(pixels, rows, np.stack(masks))
