"""`pneumoserve train`: films → one new, complete entry of the model store, or none."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import keras
from rich.console import Console

from app.errors import ArtifactRefused, PneumoServeError
from app.inference.artifact import check_name
from training.data.dataset import read_dataset, read_listed
from training.data.films import read_again
from training.data.layout import download_kaggle, expect_both_classes, make_writable, show_path
from training.data.listing import list_films
from training.data.patient_table import read_patient_table
from training.data.patients import group_by_patient
from training.fitting.fit import fit
from training.networks.recipes import RECIPES, Recipe
from training.publishing.finish import TestLook, find_finished, finish


@dataclass(frozen=True)
class TrainOptions:
    """What a training is asked for; None takes the recipe's own value.

    Attributes:
        data: a labelled folder, in the Kaggle layout or without splits, or `kaggle` to download the set.
        store: the model store that receives the entry.
        runs: where checkpoints are kept; the same options and films resume there.
        name: of the entry.
        patients: a CSV path,patient.
        test: a labelled folder that is looked at once, after all is chosen; the card tells of the look.
        validation_share: of the films in `train`.
        seed: of split, weights, order and augmentation.
    """

    data: str
    store: Path
    runs: Path = Path("work")
    name: str | None = None
    patients: Path | None = None
    test: Path | None = None
    validation_share: float = 0.15
    seed: int = 1
    epochs: int | None = None
    batch_size: int | None = None
    reduce_lr: bool = False


def find_recipe(network: str) -> Recipe:
    """Answer the recipe of a network.

    Raises:
        PneumoServeError: there is none of this name; the message lists them.
    """
    if network not in RECIPES:
        raise PneumoServeError(f"Expected one of the networks: {', '.join(RECIPES)}. Received {network!r}.")
    return RECIPES[network]


def train(options: TrainOptions, recipe: Recipe, console: Console) -> Path:
    """Train a network and write its entry.

    Returns:
        the folder of the new entry.

    Raises:
        PneumoServeError: the data cannot be read or split, or the entry does not come out whole.
    """
    # A wrong name or folder shows now, not when the training is over.
    try:
        check_name(options.name or recipe.entry)
    except ArtifactRefused as error:
        raise PneumoServeError(str(error)) from None
    for written in (options.store, options.runs):
        make_writable(written)
    table = read_patient_table(options.patients) if options.patients else None
    listing = list_films(options.test) if options.test else None
    if listing is not None:
        expect_both_classes(listing.folder, listing.count(), listing.remarks)
        group_by_patient(listing.paths, table, listing.folder)
    folder = download_kaggle() if options.data == "kaggle" else Path(options.data)
    size = {"width": recipe.width, "height": recipe.height}
    side = recipe.source_side
    dataset = read_dataset(
        folder,
        **({"width": side, "height": side} if side else size),
        patients=table,
        proportion=options.validation_share,
        seed=options.seed,
        console=console,
    )
    # Chosen on what the service will see: straight from the file, not by way of `source_side`.
    seen = read_again(dataset.folder, dataset.validation, **size, console=console) if side else dataset.validation
    plain = replace(dataset, validation=seen)
    fitted = fit(
        recipe,
        dataset.training,
        plain.validation,
        runs=options.runs,
        seed=options.seed,
        epochs=options.epochs or recipe.epochs,
        batch_size=options.batch_size or recipe.batch_size,
        reduce_lr=options.reduce_lr,
        console=console,
    )
    if keras.backend.backend() != "tensorflow":
        raise PneumoServeError(
            f"The network is trained, under {keras.backend.backend()}; its serving form is written under TensorFlow. "
            "Run the same command again with KERAS_BACKEND=tensorflow: it goes on here."
        )
    name, command = options.name or recipe.entry, describe_command(options, recipe)
    finished = find_finished(fitted, options.store, name, command)
    if finished is not None:
        console.print(f"This training was finished before: {finished}. Remove that folder to write it anew.")
        return finished
    look = None
    if listing is not None:
        films = read_listed(listing, width=recipe.width, height=recipe.height, console=console)
        source = read_again(listing.folder, films, width=side, height=side, console=console) if side else None
        look = TestLook(_show(str(options.test)), films, group_by_patient(films.paths, table, listing.folder), source)
    return finish(
        fitted,
        recipe,
        plain,
        source=dataset.validation if side else None,
        name=name,
        store=options.store,
        command=command,
        test=look,
        console=console,
    )


def describe_command(options: TrainOptions, recipe: Recipe) -> str:
    """Answer the command line that asks for this training, without folders that only one machine has."""
    words = ["pneumoserve", "train", "--data", _show(options.data), "--network", recipe.network]
    words += ["--seed", str(options.seed)]
    words += ["--validation-share", str(options.validation_share)] if options.validation_share != 0.15 else []
    words += ["--epochs", str(options.epochs)] if options.epochs else []
    words += ["--batch-size", str(options.batch_size)] if options.batch_size else []
    words += ["--reduce-lr"] if options.reduce_lr else []
    words += ["--patients", _show(str(options.patients))] if options.patients else []
    words += ["--test", _show(str(options.test))] if options.test else []
    return shlex.join(words)


def _show(path: str) -> str:
    return show_path(Path(path).name if Path(path).is_absolute() else path)
