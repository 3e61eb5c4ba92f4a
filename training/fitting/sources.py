"""The folder's training films and those of further sources → the pool that batches are sampled from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from app.imaging.preprocess import DEFAULT_RESIZE_RULE, ResizeRule
from training.augmentation.lungs import MASK_SIDE, mask_of_lungs
from training.augmentation.source_pool import SourcePool
from training.data.dataset import Dataset
from training.data.films import Films
from training.data.source_table import SourceRow
from training.data.sources import SourceFilms, read_sources
from training.networks.lungs import find_masks, read_lung_network
from training.networks.source_recipe import SourceRecipe


@dataclass(frozen=True)
class LungNetwork:
    """A trained lung network, and the SHA-256 of its file."""

    network: keras.Model
    sha256: str


@dataclass(frozen=True)
class FurtherFilms:
    """Training films beside the folder's, and the network that locates the lungs of all."""

    films: SourceFilms
    lungs: LungNetwork


def open_lung_network(path: Path) -> LungNetwork:
    """Read a lung network.

    Raises:
        PneumoServeError: see `read_lung_network`.
    """
    return LungNetwork(read_lung_network(path), hashlib.sha256(path.read_bytes()).hexdigest())


def read_further(
    table: Path,
    dataset: Dataset,
    lungs: LungNetwork,
    recipe: SourceRecipe,
    proportion: float,
    console: Console,
    *,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
) -> tuple[Dataset, FurtherFilms]:
    """Read further sources; see `read_sources`.

    Returns:
        the data set with their validation films and their record, and their training films.
    """
    folder = (dataset.training, dataset.validation)
    sources = read_sources(table, folder=folder, proportion=proportion, rule=rule, console=console)
    record = sources.facts.model_copy(update={"sampling": recipe.describe(), "lung_network": lungs.sha256})
    facts = dataset.facts.model_copy(update={"sources": record})
    return replace(dataset, facts=facts, source_validation=sources.validation), FurtherFilms(sources.training, lungs)


def build_pool(folder: Films, further: FurtherFilms) -> SourcePool:
    """Join the folder's training films, as whole films of children of one source, with further ones.

    Films of form `lungs` are their own masks; the lung network finds those of all others.

    Args:
        folder: of `SOURCE_SIDE`.
        further: of `SOURCE_SIDE`.

    Raises:
        PneumoServeError: see `SourcePool`.
    """
    pixels = [*folder.pixels, *further.films.films.pixels]
    own = (SourceRow(path, int(label)) for path, label in zip(folder.paths, folder.labels, strict=True))
    rows = [*own, *further.films.rows]
    is_whole = np.array([row.form == "whole" for row in rows])
    masks = np.empty((len(rows), MASK_SIDE, MASK_SIDE), np.uint8)
    masks[is_whole] = find_masks(further.lungs.network, [pixels[number] for number in np.flatnonzero(is_whole)])
    for number in np.flatnonzero(~is_whole):
        masks[number] = mask_of_lungs(pixels[number])
    return SourcePool(pixels, rows, masks)
