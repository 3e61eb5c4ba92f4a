"""`pneumoserve train`: films → one complete entry of the model store, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
from rich.console import Console

from app.errors import ArtifactRefused, PneumoServeError
from app.inference.artifact_writer import check_name
from training.data.dataset import Dataset, read_dataset, read_listed
from training.data.films import Films, read_again
from training.data.images_by_kind import read_kinds
from training.data.layout import download_kaggle, expect_both_classes, make_writable
from training.data.listing import Listing, list_films
from training.data.patient_table import PatientTable, read_patient_table
from training.data.patients import group_by_patient
from training.data.source_table import SourceRow, read_source_table
from training.data.sources import SourceFilms, read_source_films
from training.fitting.fit import fit
from training.fitting.sources import FurtherFilms, LungNetwork, open_lung_network, read_further
from training.networks.recipes import RECIPES, Recipe
from training.publishing.finish import FinishFilms, HeldOutTest, finish
from training.publishing.gate_films import collect_gate_films
from training.publishing.run_record import find_finished
from training.train_options import TrainOptions, describe_command, show_name


def find_recipe(network: str) -> Recipe:
    """Return a network's recipe.

    Raises:
        PneumoServeError: no such network; the message lists all.
    """
    if network not in RECIPES:
        raise PneumoServeError(f"Expected one of the networks: {', '.join(RECIPES)}. Received {network!r}.")
    return RECIPES[network]


def train(options: TrainOptions, recipe: Recipe, console: Console) -> Path:
    """Train a network, write its entry, and return its folder.

    Raises:
        PneumoServeError: the data cannot be read or split, or the entry is refused.
    """
    # A wrong name or folder shows now, not after training.
    try:
        check_name(options.name or recipe.entry)
    except ArtifactRefused as error:
        raise PneumoServeError(str(error)) from None
    for written in (options.store, options.runs):
        make_writable(written)
    lungs = _open_lungs(options, recipe)
    unsuitable = read_kinds(options.unsuitable, recipe.sizes[0]) if options.unsuitable and recipe.has_gate else {}
    test_rows = read_source_table(options.test_sources) if options.test_sources else []
    table = read_patient_table(options.patients) if options.patients else None
    listing = _list_test(options.test, table) if options.test else None
    dataset, source, further = _read_dataset(options, recipe, table, lungs, console)
    epochs = recipe.epochs
    if recipe.sources and further:
        epochs, sources = recipe.sources.epochs, recipe.sources
        recipe = replace(recipe, notices=sources.notices or recipe.notices, ages=sources.ages or recipe.ages)
    fitted = fit(
        recipe,
        dataset.training,
        dataset.validation,
        runs=options.runs,
        seed=options.seed,
        epochs=options.epochs or epochs,
        batch_size=options.batch_size or recipe.batch_size,
        reduce_lr=options.reduce_lr,
        console=console,
        further=further,
    )
    if keras.backend.backend() != "tensorflow":
        raise PneumoServeError(
            f"The network is trained, under {keras.backend.backend()}; its serving form is written under TensorFlow. "
            "Run the same command again with KERAS_BACKEND=tensorflow: it resumes here."
        )
    name, command = options.name or recipe.entry, describe_command(options, recipe)
    finished = find_finished(fitted, options.store, name, command)
    if finished is not None:
        console.print(f"This training was finished before: {finished}. Remove that folder to write it anew.")
        return finished
    films = FinishFilms(
        dataset,
        source,
        gate=collect_gate_films(recipe, dataset, source, further.films if further else None, unsuitable, options.seed),
        test=_read_test(options, recipe, listing, table, console) if listing is not None else None,
        test_sources=_read_test_sources(options, recipe, test_rows, console),
    )
    return finish(fitted, recipe, films, name=name, store=options.store, command=command, console=console)


def _open_lungs(options: TrainOptions, recipe: Recipe) -> LungNetwork | None:
    """Return the lung network; None where there are no sources."""
    if (options.sources is None) != (options.lungs is None):
        received = "--lungs" if options.sources is None else "--sources"
        raise PneumoServeError(f"Expected --sources and --lungs together. Received {received} alone.")
    if options.lungs is None:
        return None
    if recipe.sources is None:
        raise PneumoServeError(f"Expected a network that trains on several sources. Received {recipe.network!r}.")
    return open_lung_network(options.lungs)


def _read_dataset(
    options: TrainOptions, recipe: Recipe, table: PatientTable | None, lungs: LungNetwork | None, console: Console
) -> tuple[Dataset, Films | None, FurtherFilms | None]:
    """Read the films, those of validation at the network's size.

    Returns:
        the folder's films; those of validation at `source_side`, where it is set; and training films of the sources.
    """
    size, source_size = recipe.sizes
    dataset = read_dataset(
        download_kaggle() if options.data == "kaggle" else Path(options.data),
        **(source_size or size),
        patients=table,
        proportion=options.validation_share,
        seed=options.seed,
        console=console,
    )
    if source_size is None:
        return dataset, None, None
    further = None
    if options.sources and lungs and recipe.sources:
        share = options.validation_share
        dataset, further = read_further(
            options.sources, dataset, lungs, recipe.sources, share, console, rule=recipe.resize
        )
    # The service shrinks at once, not by way of `source_side`.
    validation = read_again(dataset.folder, dataset.validation, **size, console=console)
    return replace(dataset, validation=validation), dataset.validation, further


def _read_test_sources(
    options: TrainOptions, recipe: Recipe, rows: list[SourceRow], console: Console
) -> SourceFilms | None:
    table = options.test_sources
    return read_source_films(table.parent, rows, console, rule=recipe.resize) if table else None


def _list_test(folder: Path, table: PatientTable | None) -> Listing:
    """List test films, and raise for what would fail after training."""
    listing = list_films(folder)
    expect_both_classes(listing.folder, listing.count(), listing.remarks)
    group_by_patient(listing.paths, table, listing.folder)
    return listing


def _read_test(
    options: TrainOptions, recipe: Recipe, listing: Listing, table: PatientTable | None, console: Console
) -> HeldOutTest:
    size, source_size = recipe.sizes
    films = read_listed(listing, **size, console=console)
    source = read_again(listing.folder, films, **source_size, console=console) if source_size else None
    return HeldOutTest(
        show_name(str(options.test)), films, group_by_patient(films.paths, table, listing.folder), source
    )
