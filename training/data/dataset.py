"""A labelled folder → training films, validation films, and the facts about them that a card tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from sklearn.metrics import roc_auc_score

from app.names import LABELS
from training.data.films import Films, read_films
from training.data.layout import KAGGLE_DATASET, expect_both_classes
from training.data.listing import Listing, Unreadable, list_films
from training.data.patient_table import PatientTable
from training.data.patients import (
    Grouping,
    are_kaggle_names,
    group_by_patient,
    join_copies,
    split_by_group,
)


@dataclass(frozen=True)
class Dataset:
    """Films of one folder, split by patient; `facts` go to `training_data` of `model.json` as they are.

    `unreadable` are the files of which there is no film.
    """

    folder: Path
    training: Films
    validation: Films
    validation_patients: Grouping
    facts: dict[str, Any]
    unreadable: tuple[Unreadable, ...] = ()


def read_dataset(
    folder: Path,
    *,
    width: int,
    height: int,
    patients: PatientTable | None,
    proportion: float,
    seed: int,
    console: Console,
) -> Dataset:
    """Read a labelled folder and split validation films off it, by patient and without copies across.

    Args:
        folder: in the Kaggle layout, of which `train` is read, or with films in no split's folder; see `list_films`.
        width: pixels across, as the network wants them.
        height: pixels down.
        patients: None goes by file names.
        proportion: of the films for validation, 0 to 1.
        seed: of the split.
        console: is told what was read, and what could not be.

    Raises:
        WrongLayout: the folder has no such films, or none of one class.
        BadPatientTable: the table is of other films, or knows two patients of one.
        PneumoServeError: a class has too few patients to be split.
    """
    listing = list_films(folder, "train", None)
    if "val" in listing.splits:
        console.print("val/ is ignored: it is too small; validation films are split off train/.", soft_wrap=True)
    films = read_listed(listing, width=width, height=height, console=console)
    if patients is not None:
        patients.check(films.paths, listing.folder)
    grouping = group_by_patient(films.paths, patients, listing.folder)
    joined, copies = join_copies(grouping.groups, films)
    learn, watch = split_by_group(films.labels, joined, proportion, seed)
    training, validation = films.take(learn), films.take(watch)
    groups_of = {"training": joined[learn], "validation": joined[watch]}
    console.print(
        f"{len(training)} films to train on {training.count()}, {len(validation)} to validate {validation.count()}; "
        f"split {grouping.rule}; {copies} exact copies, none on both sides.",
        soft_wrap=True,
    )
    facts = {
        "set": f"Kaggle {KAGGLE_DATASET}, by its file names" if are_kaggle_names(films.paths) else "unnamed",
        "films": films.count(),
        "fingerprint": films.fingerprint(),
        "unreadable": len(films.unreadable),
        "exact_copies": copies,
        "median_file": _describe_files(films),
        "file_size_auc": _file_size_auc(films),
        "split": {
            "rule": grouping.rule,
            "validation_share": proportion,
            "seed": seed,
            **{
                name: {
                    "films": part.count(),
                    "groups": len(np.unique(groups_of[name])),
                    "fingerprint": part.fingerprint(),
                }
                for name, part in (("training", training), ("validation", validation))
            },
        },
    }
    patients_of_validation = Grouping(groups_of["validation"], grouping.rule)
    return Dataset(listing.folder, training, validation, patients_of_validation, facts, films.unreadable)


def read_listed(
    listing: Listing, *, width: int, height: int, console: Console, needs_both_classes: bool = True
) -> Films:
    """Do as `read_films`, and tell what is left out and what could not be read.

    Raises:
        WrongLayout: a class that is needed has no film that can be read.
    """
    if needs_both_classes:
        expect_both_classes(listing.folder, listing.count(), listing.remarks)
    for remark in listing.remarks:
        console.print(remark, markup=False, highlight=False, soft_wrap=True)
    films = read_films(listing, width=width, height=height, console=console)
    if films.unreadable:
        console.print(f"{len(films.unreadable)} files cannot be read and are left out:")
        for file in films.unreadable:
            console.print(f"  {file.path}: {file.reason}", markup=False, highlight=False, soft_wrap=True)
    if needs_both_classes:
        expect_both_classes(listing.folder, films.count())
    return films


def _describe_files(films: Films) -> dict[str, Any]:
    """Answer the median width, height and bytes per pixel of each class's files."""
    described = {}
    for number, label in enumerate(LABELS):
        width, height, size = films.sizes[films.labels == number].T
        density = float(np.median(size / (width * height)))
        described[label] = {
            "width": int(np.median(width)),
            "height": int(np.median(height)),
            "bytes_per_pixel": round(density, 4),
        }
    return described


def _file_size_auc(films: Films) -> float:
    """Compute the AUC of bytes per pixel alone, in whichever direction is larger: 0.5 to 1."""
    width, height, size = films.sizes.T
    density = size / (width * height)
    auc = float(roc_auc_score(films.labels, density)) if len(np.unique(films.labels)) == len(LABELS) else 0.5
    return round(max(auc, 1 - auc), 4)
