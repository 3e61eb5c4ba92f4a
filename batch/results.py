"""A row a film, and the three formats of a result."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from batch.errors import UnusableResult
from batch.paths import printable

COLUMNS = (
    "path",
    "class",
    "probability",
    "refer",
    "operating_point",
    "threshold",
    "warnings",
    "model",
    "model_sha256",
    "http_status",
    "error",
    "error_detail",
    "seconds",
)
ROWS_A_GROUP = 50_000


@dataclass(slots=True)
class Row:
    """One film's result, in the order of `COLUMNS`.

    `probability` is P(PNEUMONIA), 0 to 1; `model` name/version; `seconds` from reading to the last answer. `error` is a
    failed film's problem slug, `error_detail` its sentence. Missing values are None, in CSV empty.
    """

    path: str
    predicted: str | None = None
    probability: float | None = None
    refer: bool | None = None
    operating_point: str | None = None
    threshold: float | None = None
    warnings: list[str] = field(default_factory=list)
    model: str | None = None
    model_sha256: str | None = None
    http_status: int | None = None
    error: str | None = None
    error_detail: str | None = None
    seconds: float | None = None

    def as_columns(self) -> dict[str, Any]:
        """Return the row as {column: value}."""
        return dict(zip(COLUMNS, _values(self), strict=True))


_values = attrgetter(*(part.name for part in fields(Row)))


def check_writable(out: Path) -> None:
    """Check early that `write_part` can write.

    Raises:
        UnusableResult: the ending is unknown, pyarrow missing, or the folder missing or not writable.
    """
    if out.suffix.lower() not in _WRITERS:
        raise UnusableResult(f"Expected --out to end in {', '.join(_WRITERS)}. Received: {printable(out.name)}.")
    if out.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UnusableResult("Parquet needs pyarrow. Run `make install-train`, or name a .csv or .jsonl file.")
    if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise UnusableResult(f"Expected --out to be a file in a writable folder. Received: {printable(str(out))}.")


def write_part(out: Path, rows: Iterable[Row]) -> Path:
    r"""Write the rows durably beside `out`, in its format; return that path.

    CSV joins warnings by `;` and writes refer as `true` or `false`; elsewhere warnings are a list. A path's undecodable
    bytes appear as `\xe9`.
    """
    part = out.with_name(out.name + ".part")
    _WRITERS[out.suffix.lower()](part, map(_printable_columns, rows))
    with part.open("rb") as written:
        os.fsync(written.fileno())
    return part


def encode_parquet(rows: Iterable[Row]) -> bytes:
    """Return the rows as a Parquet file, as `write_part` writes them."""
    file = io.BytesIO()
    _write_parquet(file, map(_printable_columns, rows))
    return file.getvalue()


def replace_result(part: Path, out: Path) -> None:
    """Replace the result atomically and durably."""
    part.replace(out)
    sync_folder(out.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's names survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _printable_columns(row: Row) -> dict[str, Any]:
    columns = row.as_columns() | {"warnings": [printable(warning) for warning in row.warnings]}
    return {name: printable(value) if isinstance(value, str) else value for name, value in columns.items()}


@contextmanager
def _text_file(path: Path) -> Iterator[IO[str]]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield file


def _write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with _text_file(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            row["warnings"] = ";".join(row["warnings"])
            if row["refer"] is not None:
                row["refer"] = "true" if row["refer"] else "false"
            writer.writerow(row)


def _write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with _text_file(path) as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(file: Path | IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = dict.fromkeys(COLUMNS, pa.string()) | {
        "probability": pa.float64(),
        "refer": pa.bool_(),
        "threshold": pa.float64(),
        "warnings": pa.list_(pa.string()),
        "http_status": pa.int32(),
        "seconds": pa.float64(),
    }
    schema = pa.schema(list(types.items()))
    with pq.ParquetWriter(file, schema) as writer:
        group: list[dict[str, Any]] = []
        for row in rows:
            group.append(row)
            if len(group) == ROWS_A_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group = []
        writer.write_table(pa.Table.from_pylist(group, schema))


_WRITERS: dict[str, Callable[[Path, Iterable[dict[str, Any]]], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
