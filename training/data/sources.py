"""Films of several sources → training films, validation films, and what `model.json` records of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.imaging.preprocess import DEFAULT_RESIZE_RULE, ResizeRule
from app.inference.training_record import Source
from app.inference.training_record import Sources as SourcesRecord
from app.names import LABELS
from training.data.films import SOURCE_SIDE, Films, fingerprint, read_labelled_files
from training.data.patients import join_copies
from training.data.source_table import SourceRow, read_source_table

RULE = "by SHA-256 of the patient's name; exact copies on one side"


@dataclass(frozen=True)
class SourceFilms:
    """Films of `SOURCE_SIDE`, each with its row of the table."""

    films: Films
    rows: tuple[SourceRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: NDArray[np.intp]) -> SourceFilms:
        """Return the films at `indices`, in that order."""
        return SourceFilms(self.films.take(indices), tuple(self.rows[index] for index in indices))

    def fingerprint(self) -> str:
        """Compute a SHA-256 that identifies these films and what the table says of them."""
        return fingerprint((repr(row), digest) for row, digest in zip(self.rows, self.films.sha256, strict=True))


@dataclass(frozen=True)
class Sources:
    """Films beside the folder's: to train on, to validate, and what `model.json` records of them."""

    training: SourceFilms
    validation: SourceFilms
    facts: SourcesRecord


def read_sources(
    table: Path,
    *,
    folder: Sequence[Films],
    proportion: float,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
    console: Console,
) -> Sources:
    """Read the films of a table and split validation films off them, by patient and with copies on one side.

    Copies of films of the folder are left out, so that none stands on both sides of its split.

    Args:
        table: see `read_source_table`.
        folder: training and validation films of `--data`, at `SOURCE_SIDE`.
        proportion: of the patients for validation, 0 to 1, in whole percents.
        rule: of reading, that of the folder: copies are found by their pixels.
        console: for what was read and what could not be.

    Raises:
        BadSourceTable: see `read_source_table`.
        WrongLayout: no film can be read.
    """
    read = read_source_films(table.parent, read_source_table(table), console, rule=rule)
    known = {_digest(pixels) for films in folder for pixels in films.pixels}
    of_folder = np.array([_digest(pixels) in known for pixels in read.films.pixels])
    is_validation, copies = split_by_hash(read, proportion)
    training, validation = (read.take(np.flatnonzero(~of_folder & (is_validation == side))) for side in (False, True))
    console.print(
        f"{len(training)} films of further sources to train on {training.films.count()}, {len(validation)} to validate "
        f"{validation.films.count()}; split {RULE}; {copies} exact copies, none on both sides; "
        f"{of_folder.sum()} copies of the folder's films left out.",
        soft_wrap=True,
    )
    facts = SourcesRecord(
        rule=RULE,
        validation_proportion=proportion,
        unreadable=len(read.films.unreadable),
        exact_copies=copies,
        sources=_describe(training, validation),
    )
    return Sources(training, validation, facts)


def read_source_films(
    folder: Path, rows: Sequence[SourceRow], console: Console, *, rule: ResizeRule = DEFAULT_RESIZE_RULE
) -> SourceFilms:
    """Read the films of rows at `SOURCE_SIDE`, by a model's rule, and print what cannot be read.

    Raises:
        WrongLayout: no film can be read.
    """
    by_path = {row.path: row for row in rows}
    labels = {row.path: row.label for row in rows}
    films = read_labelled_files(folder, labels, width=SOURCE_SIDE, height=SOURCE_SIDE, rule=rule, console=console)
    if films.unreadable:
        console.print(f"{len(films.unreadable)} files of the sources cannot be read and are left out:")
        for file in films.unreadable:
            console.print(f"  {file.path}: {file.reason}", markup=False, highlight=False, soft_wrap=True)
    return SourceFilms(films, tuple(by_path[path] for path in films.paths))


def split_by_hash(sources: SourceFilms, proportion: float) -> tuple[NDArray[np.bool_], int]:
    """Split films by patient; the side of a patient depends on nothing but the name.

    Patients who share a film go with the first of their names. One row with the role `validation` takes all films of
    its patient, and of their copies, to that side.

    Returns:
        whether each film is for validation, bool (films,); and the number of films that copy an earlier one.
    """
    names = [_name_patient(row) for row in sources.rows]
    known, own = np.unique(np.array(names), return_inverse=True)
    groups, copies = join_copies(own.astype(np.int64), sources.films)
    # `known` is sorted: the least index is the first name.
    first = {int(group): own[groups == group].min() for group in np.unique(groups)}
    fixed = {int(group) for group, row in zip(groups, sources.rows, strict=True) if row.is_validation}
    held = {group for group, index in first.items() if is_held(str(known[index]), proportion)} | fixed
    return np.array([int(group) in held for group in groups], bool), copies


def is_held(patient: str, proportion: float) -> bool:
    """Return whether the hash of a patient's name falls within a proportion, in whole percents."""
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % 100 < round(100 * proportion)


def _name_patient(row: SourceRow) -> str:
    return row.patient or f"image {row.path}"


def _digest(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(pixels.tobytes()).digest()


def _describe(training: SourceFilms, validation: SourceFilms) -> list[Source]:
    sides = training, validation
    described = []
    for name in sorted({row.source for films in sides for row in films.rows}):
        rows = [[row for row in films.rows if row.source == name] for films in sides]
        files = [
            (row.path, digest)
            for films in sides
            for row, digest in zip(films.rows, films.films.sha256, strict=True)
            if row.source == name
        ]
        both = [*rows[0], *rows[1]]
        described.append(
            Source(
                name=name,
                populations=sorted({row.population for row in both}),
                forms=sorted({row.form for row in both}),
                training=_count(rows[0]),
                validation=_count(rows[1]),
                fingerprint=fingerprint(files),
                licences=dict(sorted(Counter(row.licence or "unknown" for row in both).items())),
            )
        )
    return described


def _count(rows: Sequence[SourceRow]) -> dict[str, int]:
    return {name: sum(row.label == label for row in rows) for label, name in enumerate(LABELS)}
