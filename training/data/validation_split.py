"""A model's own validation films, split off as in its training."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from app.errors import InvalidParameter
from app.inference.manifest import Manifest
from training.data.dataset import read_dataset
from training.data.films import SOURCE_SIDE, Films, input_size, read_again
from training.data.listing import Unreadable
from training.data.patient_table import PatientTable
from training.data.patients import Grouping

OWN_VALIDATION = "validation"
"""Their name for `evaluate --split`."""


class OwnValidation(NamedTuple):
    """Validation films with their patients, and unreadable files, below `folder`."""

    folder: Path
    films: Films
    patients: Grouping
    unreadable: tuple[Unreadable, ...]


def read_own_validation(
    manifest: Manifest, data: Path, patients: PatientTable | None, console: Console
) -> OwnValidation:
    """Read a model's training set again, from its `data` and `patients`, and return exactly its validation films.

    Raises:
        InvalidParameter: other films than the model's, or no record of them.
        PneumoServeError: see `read_dataset`.
    """
    label = f"{manifest.name}/{manifest.version}"
    facts = manifest.training_data
    if facts is None:
        raise InvalidParameter(f"Expected a model that knows its validation films. Received {label}, which does not.")
    split = facts.split
    size = input_size(manifest.input)
    # Copies are found by pixels, at the size that the training read: one of these.
    for sizes in (size, input_size(manifest.input, SOURCE_SIDE)):
        dataset = read_dataset(
            data,
            **sizes,
            patients=patients,
            proportion=split.validation_proportion,
            seed=split.seed,
            console=console,
        )
        found = dataset.facts
        if found.fingerprint != facts.fingerprint:
            raise InvalidParameter(
                f"Expected the films that {label} was trained on: {facts.films}, fingerprint "
                f"{facts.fingerprint[:12]}…. Received others: {found.films}, {found.fingerprint[:12]}…."
            )
        films = dataset.validation
        if films.fingerprint() != split.validation.fingerprint:
            continue
        if sizes != size:
            films = read_again(dataset.folder, films, **size, console=console)
        return OwnValidation(dataset.folder, films, dataset.validation_patients, dataset.unreadable)
    raise InvalidParameter(
        f"Expected the split of {label}: {split.rule}. These films split otherwise: "
        f"{found.split.rule}. Give the --patients that it was trained with."
    )
