"""Films → logits and class activation maps, by the serving engine."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.inference.engine import Engine, Floats

_CHUNK = 16


class Cams(NamedTuple):
    """Logits (films,) and class activation maps (films, rows, columns)."""

    logits: Floats
    values: Floats


def compute_logits(engine: Engine, pixels: NDArray[np.uint8], console: Console) -> NDArray[np.float32]:
    """Compute float32 logits (films,) of uint8 films (films, height, width) on all cores, with a progress bar."""
    chunks = _cut(pixels)
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress_bar(console) as progress:
        answers = progress.track(pool.map(engine.logits, chunks), len(chunks), description="Computing logits")
        return np.concatenate(list(answers))


def compute_cams(engine: Engine, pixels: NDArray[np.uint8], progress: Progress, description: str) -> Cams:
    """Compute the class activation maps of uint8 films (films, height, width) on all cores.

    Raises:
        ValueError: the model has none.
    """

    def explain(chunk: NDArray[np.uint8]) -> Cams:
        maps = engine.maps(chunk, cam=True, layers=False)
        if maps.cam is None:
            raise ValueError("Expected a model with class activation maps. It has none.")
        return Cams(maps.logits, maps.cam)

    chunks = _cut(pixels)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(progress.track(pool.map(explain, chunks), len(chunks), description=description))
    return Cams(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def compute_logits_here(engine: Engine, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the same in the calling thread, without a bar."""
    return np.concatenate([engine.logits(chunk) for chunk in _cut(pixels)])


def progress_bar(console: Console) -> Progress:
    """Return a progress bar that vanishes when done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _cut(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [pixels[start : start + _CHUNK] for start in range(0, len(pixels), _CHUNK)]
