"""Deletion and insertion curves (Petsiuk et al. 2018, "RISE"): does the logit follow what the map says?

Cells of a film are replaced, most important first, and the logit falls; or a replaced film gets its cells back, and the
logit rises. A map is worth something where it does better than a random order, and than the centre first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from app.inference.engine import Engine, Films, Floats
from app.names import LABELS
from training.audit.explanations_record import Curve
from training.evaluation.means import measure_mean

STEPS = 10
"""Points of a curve after its first."""

BLUR = 15
"""The blurred film's sigma is the film's side divided by this."""

ORDERS = ("map", "random", "centre first")
FILLS = ("the film blurred", "its mean gray")
KINDS: tuple[Literal["deletion", "insertion"], ...] = ("deletion", "insertion")


class ExplainedFilms(NamedTuple):
    """Films uint8 (films, height, width), their maps (films, rows, columns), whether PNEUMONIA, and patients."""

    films: Films
    maps: Floats
    predicted: NDArray[np.bool_]
    groups: NDArray[np.int64]


def measure_curves(engine: Engine, explained: ExplainedFilms, progress: Progress) -> list[Curve]:
    """Measure both curves of films of each predicted class, in each of `ORDERS`, with each of `FILLS`."""
    numbers = range(len(explained.films))
    cells = explained.maps[0].size
    at = _count_replaced(cells) / cells
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda number: _trace(engine, explained, number), numbers)
        logits = np.stack(list(progress.track(found, len(numbers), description="Deleting and inserting")))
    curves = []
    for number, label in enumerate(LABELS):
        films = explained.predicted == bool(number)
        if not films.any():
            continue
        towards = logits[films] if number else -logits[films]
        for fill, replaced_by in enumerate(FILLS):
            for kind, name in enumerate(KINDS):
                traced = towards[:, fill, :, kind]
                curves.append(_describe(label, name, replaced_by, traced, explained.groups[films], at))
    return curves


def order_cells(cam: Floats, *, is_pneumonia: bool, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield a map's cells, as indices into its values row by row, in each of `ORDERS`, most important first.

    By the map, that is the most evidence for the predicted class. Cells as far from the centre as each other come in
    random order.
    """
    rows, columns = cam.shape
    down, across = np.mgrid[:rows, :columns]
    distance = np.hypot((down + 0.5) / rows - 0.5, (across + 0.5) / columns - 0.5).ravel()
    chance = rng.random(cam.size)
    yield np.argsort(-cam.ravel() if is_pneumonia else cam.ravel(), kind="stable")
    yield np.argsort(chance, kind="stable")
    yield np.lexsort((chance, distance.round(9)))


def _trace(engine: Engine, explained: ExplainedFilms, number: int) -> NDArray[np.float64]:
    """Return the logits of one film's curves, (fills, orders, kinds, points)."""
    film, cam = explained.films[number], explained.maps[number]
    order = order_cells(cam, is_pneumonia=bool(explained.predicted[number]), rng=np.random.default_rng(number))
    counts = _count_replaced(cam.size)[:, np.newaxis, np.newaxis]
    is_replaced = np.stack([_rank_pixels(cells, cam.shape, film.shape) < counts for cells in order])
    fills = (np.asarray(cv2.GaussianBlur(film, (0, 0), len(film) / BLUR), np.uint8), round(float(film.mean())))
    traced = []
    for fill in fills:
        for replaced in is_replaced:
            changed = np.concatenate([np.where(replaced, fill, film), np.where(replaced, film, fill)])
            traced.append(engine.logits(changed.astype(np.uint8)))
    return np.array(traced, np.float64).reshape(len(FILLS), len(ORDERS), len(KINDS), -1)


def _count_replaced(cells: int) -> NDArray[np.intp]:
    """Return how many cells are replaced at each point of a curve."""
    return np.unique(np.linspace(0, cells, STEPS + 1).round().astype(np.intp))


def _rank_pixels(cells: NDArray[np.intp], grid: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Return the place in the order of the cell that each pixel of a film lies in, (height, width)."""
    ranks = np.empty(len(cells), np.intp)
    ranks[cells] = np.arange(len(cells))
    (rows, columns), (height, width) = grid, shape
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    return np.asarray(ranks.reshape(rows, columns)[np.ix_(down, across)])


def _describe(
    predicted: str,
    kind: Literal["deletion", "insertion"],
    replaced_by: str,
    traced: NDArray[np.float64],
    groups: NDArray[np.int64],
    at: NDArray[np.float64],
) -> Curve:
    """Describe curves, logits (films, orders, points) towards the predicted class at proportions `at`."""
    areas = np.asarray(np.trapezoid(traced, at, axis=2))
    first, last = (float(traced[:, 0, point].mean()) for point in (0, -1))
    return Curve(
        predicted=predicted,
        kind=kind,
        replaced_by=replaced_by,
        films=len(traced),
        intact=round(first if kind == "deletion" else last, 6),
        replaced=round(last if kind == "deletion" else first, 6),
        areas={name: measure_mean(areas[:, order], groups).to_record() for order, name in enumerate(ORDERS)},
        against={
            name: measure_mean(areas[:, 0] - areas[:, order], groups).to_record()
            for order, name in enumerate(ORDERS)
            if order
        },
    )
