"""The films of a training → those that its gate is made of, by population and class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.names import LABELS
from training.data.dataset import Dataset
from training.data.films import Films
from training.data.images_by_kind import split_kinds
from training.data.sources import SourceFilms
from training.networks.recipes import Recipe
from training.publishing.gate import GateFilms

Pixels = NDArray[np.uint8]


def collect_gate_films(
    recipe: Recipe,
    dataset: Dataset,
    source: Films | None,
    further: SourceFilms | None,
    unsuitable: dict[str, Pixels],
    seed: int,
) -> GateFilms | None:
    """Return the films of the folder and of further sources; None where the recipe has no gate.

    Args:
        recipe: of the network.
        dataset: its training films at `source_side`.
        source: its validation films at `source_side`.
        further: training films of other sources, whose whole films count.
        unsuitable: images that are no chest films by kind, of the network's size; half of each is held out.
        seed: of that half.
    """
    if not recipe.has_gate or source is None:
        return None
    others, held_out = split_kinds(unsuitable, seed)
    return GateFilms(
        training=_sort(dataset.training, further),
        validation=_sort(source, dataset.source_validation),
        others=others,
        held_out=held_out,
    )


def _sort(films: Films, further: SourceFilms | None) -> dict[str, Pixels]:
    found = {label: films.pixels[films.labels == number] for number, label in enumerate(LABELS)}
    if further is None:
        return found
    names = np.array([f"{row.population}, {row.source}, {LABELS[row.label]}" for row in further.rows])
    is_whole = np.array([row.form == "whole" for row in further.rows], bool)
    for name in np.unique(names[is_whole]).tolist():
        found[name] = further.films.pixels[is_whole & (names == name)]
    return found
