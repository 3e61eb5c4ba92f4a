"""A CSV of films from several sources → typed rows."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar, get_args

from app.errors import PneumoServeError
from app.names import LABELS
from training.data.layout import show_path

T = TypeVar("T")

Population = Literal["child", "adult"]
View = Literal["AP", "PA", ""]
Form = Literal["whole", "lungs"]

COLUMNS = ("path", "class", "source", "patient", "population", "view", "form")
OPTIONAL_COLUMNS = ("role", "licence")


class BadSourceTable(PneumoServeError):
    """The table of sources is unreadable, or a line says what it may not say."""


@dataclass(frozen=True)
class SourceRow:
    """One film of a source.

    Attributes:
        path: with `/` between names, below the table's folder.
        label: 1 for PNEUMONIA.
        source: where the film comes from; empty: the labelled folder of `--data`.
        patient: the same name is the same patient, in every source; empty: unknown, the film stands alone.
        population: of the patient.
        view: empty: unknown.
        form: `lungs`: all but the lungs is black.
        is_validation: never trained on.
        licence: the terms that the film is published under; empty: unknown.
    """

    path: str
    label: int
    source: str = ""
    patient: str = ""
    population: Population = "child"
    view: View = ""
    form: Form = "whole"
    is_validation: bool = False
    licence: str = ""


def read_source_table(table: Path) -> list[SourceRow]:
    """Read a CSV in UTF-8 with the `COLUMNS` and, where they exist, the `OPTIONAL_COLUMNS`.

    `class` is NORMAL or PNEUMONIA, `population` child or adult, `view` AP, PA or empty, `form` whole or lungs,
    `role` validation or empty. Paths are relative to the table's folder.

    Raises:
        BadSourceTable: it has no such columns or no films, or a line has another value or the path of an earlier one.
    """
    rows: list[SourceRow] = []
    first_line: dict[str, int] = {}
    try:
        for line, cells in _read_cells(table):
            row = _read_row(cells, f"line {line} of {show_path(table.name)}")
            if row.path in first_line:
                raise BadSourceTable(
                    f"Expected each film once. Received {show_path(row.path)} in line {first_line[row.path]} and in "
                    f"line {line} of {show_path(table.name)}."
                )
            first_line[row.path] = line
            rows.append(row)
    except OSError as error:
        raise BadSourceTable(f"Expected a CSV of sources. Received: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadSourceTable(f"Expected a CSV of sources in UTF-8. It cannot be read: {error}.") from None
    if not rows:
        raise BadSourceTable(f"Expected films in {show_path(table.name)}. Received none.")
    return rows


def _read_cells(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line and the named cells of each row that is not empty."""
    with table.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        header = [name.strip().lower() for name in next(reader, [])]
        if not set(COLUMNS) <= set(header):
            raise BadSourceTable(
                f"Expected the columns {','.join(COLUMNS)} in line 1 of {show_path(table.name)}. "
                f"Received {','.join(header)[:100]!r}."
            )
        for cells in reader:
            if cells and len(cells) != len(header):
                raise BadSourceTable(
                    f"Expected {len(header)} cells in line {reader.line_num} of {show_path(table.name)}. "
                    f"Received {len(cells)}."
                )
            if cells:
                yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _read_row(cells: dict[str, str], where: str) -> SourceRow:
    for column in ("path", "source"):
        if not cells[column]:
            raise BadSourceTable(f"Expected a {column} in {where}. Received an empty cell.")
    if PurePosixPath(cells["path"]).is_absolute():
        raise BadSourceTable(
            f"Expected a path relative to the table in {where}. Received {show_path(cells['path'])!r}."
        )
    role = _choose(cells.get("role", ""), ("", "validation"), "role", where)
    return SourceRow(
        path=cells["path"],
        label=LABELS.index(_choose(cells["class"].upper(), LABELS, "class", where)),
        source=cells["source"],
        patient=cells["patient"],
        population=_choose(cells["population"].lower(), get_args(Population), "population", where),
        view=_choose(cells["view"].upper(), get_args(View), "view", where),
        form=_choose(cells["form"].lower(), get_args(Form), "form", where),
        is_validation=role == "validation",
        licence=cells.get("licence", ""),
    )


def _choose(cell: str, allowed: Sequence[T], column: str, where: str) -> T:
    """Return the value that a cell equals."""
    for value in allowed:
        if value == cell:
            return value
    expected = ", ".join(str(value) or "an empty cell" for value in allowed)
    raise BadSourceTable(f"Expected as {column} in {where} one of: {expected}. Received {show_path(cell)!r}.")
