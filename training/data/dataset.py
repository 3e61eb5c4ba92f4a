"""A labelled folder → training and validation films, and their record for `model.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from app.imaging.preprocess import DEFAULT_RESIZE_RULE, ResizeRule
from app.inference.training_record import MedianFile, Part, Split, TrainingData
from app.names import LABELS
from training.data.films import Films, read_films
from training.data.layout import KAGGLE_DATASET, KAGGLE_LICENCE, expect_both_classes
from training.data.listing import Listing, Unreadable, list_films
from training.data.patient_table import PatientTable
from training.data.patients import (
    Grouping,
    are_kaggle_names,
    group_by_patient,
    join_copies,
    split_by_group,
)
from training.data.sources import SourceFilms


@dataclass(frozen=True)
class Dataset:
    """Films of a folder, split by patient; `source_validation`: those of further sources, at `SOURCE_SIDE`."""

    folder: Path
    training: Films
    validation: Films
    validation_patients: Grouping
    facts: TrainingData
    unreadable: tuple[Unreadable, ...] = ()
    source_validation: SourceFilms | None = None


def read_dataset(
    folder: Path,
    *,
    width: int,
    height: int,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
    patients: PatientTable | None,
    proportion: float,
    seed: int,
    console: Console,
) -> Dataset:
    """Read a labelled folder; split validation films off by patient, exact copies on one side.

    Args:
        folder: in the Kaggle layout, of which `train` is read, or without splits; see `list_films`.
        width: of the network's input, pixels.
        height: likewise.
        rule: of reading.
        patients: None: by file names.
        proportion: of films for validation, 0 to 1.
        seed: of the split.
        console: for what was read.

    Raises:
        WrongLayout: a class has no films.
        BadPatientTable: the table is of other films, or has two patients of one.
        PneumoServeError: a class has too few patients to split.
    """
    listing = list_films(folder, "train", None)
    if "val" in listing.splits:
        console.print("val/ is ignored: it is too small; validation films are split off train/.", soft_wrap=True)
    films = read_listed(listing, width=width, height=height, rule=rule, console=console)
    if patients is not None:
        patients.check(films.paths, listing.folder)
    grouping = group_by_patient(films.paths, patients, listing.folder)
    groups, copies = join_copies(grouping.groups, films)
    first, second = split_by_group(films.labels, groups, proportion, seed)
    training, validation = films.take(first), films.take(second)
    console.print(
        f"{len(training)} films to train on {training.count()}, {len(validation)} to validate {validation.count()}; "
        f"split {grouping.rule}; {copies} exact copies, none on both sides.",
        soft_wrap=True,
    )
    is_kaggle = are_kaggle_names(films.paths)
    facts = TrainingData(
        set=f"Kaggle {KAGGLE_DATASET}, by its file names" if is_kaggle else "unnamed",
        **({"licence": KAGGLE_LICENCE} if is_kaggle else {}),
        films=films.count(),
        fingerprint=films.fingerprint(),
        unreadable=len(films.unreadable),
        exact_copies=copies,
        median_file=_describe_files(films),
        file_size_auc=_file_size_auc(films),
        split=Split(
            rule=grouping.rule,
            validation_proportion=proportion,
            seed=seed,
            training=_describe_part(training, groups[first]),
            validation=_describe_part(validation, groups[second]),
        ),
    )
    patients_of_validation = Grouping(groups[second], grouping.rule)
    return Dataset(listing.folder, training, validation, patients_of_validation, facts, films.unreadable)


def read_listed(
    listing: Listing,
    *,
    width: int,
    height: int,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
    console: Console,
    needs_both_classes: bool = True,
) -> Films:
    """Read films as `read_films`, and print what is left out or unreadable.

    Raises:
        WrongLayout: a needed class has no readable film.
    """
    if needs_both_classes:
        expect_both_classes(listing.folder, listing.count(), listing.remarks)
    for remark in listing.remarks:
        console.print(remark, markup=False, highlight=False, soft_wrap=True)
    films = read_films(listing, width=width, height=height, rule=rule, console=console)
    if films.unreadable:
        console.print(f"{len(films.unreadable)} files cannot be read and are left out:")
        for file in films.unreadable:
            console.print(f"  {file.path}: {file.reason}", markup=False, highlight=False, soft_wrap=True)
    if needs_both_classes:
        expect_both_classes(listing.folder, films.count())
    return films


def _describe_part(films: Films, groups: NDArray[np.int64]) -> Part:
    return Part(films=films.count(), groups=len(np.unique(groups)), fingerprint=films.fingerprint())


def _describe_files(films: Films) -> dict[str, MedianFile]:
    described = {}
    for number, label in enumerate(LABELS):
        width, height, size = films.sizes[films.labels == number].T
        density = float(np.median(size / (width * height)))
        described[label] = MedianFile(
            width=int(np.median(width)), height=int(np.median(height)), bytes_per_pixel=round(density, 4)
        )
    return described


def _file_size_auc(films: Films) -> float:
    """Compute the AUC of bytes per pixel alone, in the larger direction: 0.5 to 1."""
    width, height, size = films.sizes.T
    auc = float(roc_auc_score(films.labels, size / (width * height)))
    return round(max(auc, 1 - auc), 4)
