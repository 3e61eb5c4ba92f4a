"""A CSV of films and patients, as spreadsheets and shells write it."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path

from app.errors import PneumoServeError
from training.data.layout import show_path

_KEYS = ("path", "file")
_DELIMITERS = (",", ";", "\t")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What Excel and PowerShell may write above the header.
_ABOVE_HEADER = re.compile(r"\A(?:(?:sep=.|#TYPE [^\r\n]*)?[\r\n]+)*", re.IGNORECASE)


class BadPatientTable(PneumoServeError):
    """A table of patients is unreadable, contradictory, or of other films."""


class PatientTable:
    r"""Patients by the paths of their films.

    A path fits a film if either ends with the other: it may be absolute, of any machine, relative to any folder above,
    or a file name. `/` and `\` both separate. Case and composition of accents only break ties.
    """

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take pairs of path and patient; empty: unknown."""
        self._rows: defaultdict[str, list[tuple[Sequence[str], str]]] = defaultdict(list)
        for path, patient in rows:
            if parts := _split(path):
                self._rows[_fold(parts[0])].append((parts, patient.strip()))

    def patient_of(self, path: str, folder: Path | None = None) -> str | None:
        """Return the patient of a film at `path` below `folder` (absolute, if known); the nearest fitting row counts.

        Raises:
            BadPatientTable: the table has two.
        """
        below, whole = _split(path), _split(str(folder / path) if folder else path)
        fitting = []
        for parts, patient in self._rows.get(_fold(below[0]), ()):
            shared = _count_shared(map(_fold, parts), map(_fold, whole))
            if shared == len(parts) or shared >= len(below):
                fitting.append((shared, _count_shared(parts, whole), patient))
        nearest = {patient for *rank, patient in fitting if rank == list(max(fitting)[:2])}
        if len(nearest) > 1:
            raise BadPatientTable(f"Expected one patient of {show_path(path)}. Received {len(nearest)} in the table.")
        return next(iter(nearest), None) or None

    def check(self, paths: Sequence[str], folder: Path) -> None:
        """Raise BadPatientTable if the table has none of these films."""
        if not any(self.patient_of(path, folder) for path in paths):
            known = next((rows[0][0] for rows in self._rows.values()), None)
            received = f"paths as {show_path('/'.join(reversed(known)))}" if known else "an empty table"
            raise BadPatientTable(
                f"Expected a table of these films' patients, with paths as {show_path(paths[0])}. Received {received}; "
                "not one fits a film and has a patient."
            )


def read_patient_table(table: Path) -> PatientTable:
    """Read a CSV with columns `path` (or `file`) and `patient`, separated by comma, semicolon or tab.

    Encoding: UTF-8, or UTF-16 with a byte-order mark.

    Raises:
        BadPatientTable: no CSV, or without these columns.
    """
    text = _ABOVE_HEADER.sub("", _read_text(table))
    try:
        header = text.splitlines()[0] if text else ""
        for delimiter in _DELIMITERS:
            columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
            key = next((name for name in _KEYS if name in columns), None)
            if key is not None and "patient" in columns:
                places = columns.index(key), columns.index("patient")
                rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[1:]
                return PatientTable((row[places[0]], row[places[1]]) for row in rows if len(row) > max(places))
    except csv.Error as error:
        raise BadPatientTable(f"Expected a CSV of patients. Received one that cannot be read: {error}.") from None
    raise BadPatientTable(
        f"Expected a CSV with the columns path (or file) and patient. Received the header {header[:100]!r}."
    )


def _read_text(table: Path) -> str:
    try:
        data = table.read_bytes()
    except OSError as error:
        raise BadPatientTable(f"Expected a CSV of patients. Received: {error.strerror}.") from None
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise BadPatientTable(
            "Expected a CSV of patients in UTF-8, or in UTF-16 with a byte-order mark. Received other bytes. "
            "Save it as “CSV UTF-8”."
        )
    return text


def _split(path: str) -> Sequence[str]:
    """Return a path's names, last first."""
    return [name for name in reversed(re.split(r"[/\\]", path.strip())) if name not in ("", ".")]


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _count_shared(parts: Iterable[str], others: Iterable[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(parts, others, strict=False)))
