"""Manifests: lists of films' addresses in Parquet, CSV or lines, read row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

from batch.addresses import is_url, local_path, open_store
from batch.errors import CallError, StoreFailed, WrongList
from batch.paths import reason

ENDINGS = (".parquet", ".csv", ".txt")
COLUMN = "path"
_ROWS_A_BATCH = 10_000
# What another start meets again; any other error is of a store, and may pass.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, ValueError, csv.Error)


def is_manifest(source: str) -> bool:
    """Return whether a source is named as a manifest is."""
    return source.lower().endswith(ENDINGS)


def read_manifest(source: str) -> Iterator[str]:
    """Yield the addresses of films in a manifest, in its order, in bounded memory.

    Args:
        source: a path, or a URL that fsspec opens. `.parquet` and `.csv` have the column `path`; any other file has an
            address a line, in UTF-8. Empty rows are skipped.

    Raises:
        WrongList: it is not there, is not in its format, or has no such column.
        StoreFailed: its store failed.
        CallError: the library for its scheme is missing.
    """
    name = source.lower()
    read = _parquet if name.endswith(".parquet") else _csv if name.endswith(".csv") else _lines
    try:
        with _opened(source) as file:
            for address in read(source, file):
                if address:
                    yield address
    except (CallError, ModuleNotFoundError):
        raise
    except Exception as error:  # each store's library has errors of its own
        kind = WrongList if isinstance(error, _LASTING) else StoreFailed
        raise kind(f"Expected a manifest at {source} that can be read. Received: {reason(error)}.") from error


def read_manifests(sources: Sequence[str]) -> list[str]:
    """Return sources with the addresses of each manifest in its place; see `read_manifest`."""
    return [address for source in sources for address in (read_manifest(source) if is_manifest(source) else [source])]


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    path = local_path(source)
    if is_url(path):
        system, key = open_store(path)
        with system.open(key, "rb") as file:
            yield file
        return
    with open(path, "rb") as file:  # noqa: PTH123 - the path stays as it is
        yield file


def _parquet(source: str, file: Any) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        _check_column(source, table.schema_arrow.names)
        for batch in table.iter_batches(_ROWS_A_BATCH, columns=[COLUMN]):
            yield from batch.column(0).cast(pa.string()).to_pylist()


def _csv(source: str, file: IO[bytes]) -> Iterator[str]:
    rows = csv.DictReader(line.decode("utf-8-sig", "surrogateescape") for line in file)
    _check_column(source, rows.fieldnames or ())
    for row in rows:
        yield row[COLUMN] or ""


def _lines(_: str, file: IO[bytes]) -> Iterator[str]:
    for line in file:
        yield line.decode("utf-8-sig", "surrogateescape").strip()


def _check_column(source: str, names: Any) -> None:
    if COLUMN not in names:
        raise WrongList(f"Expected a column {COLUMN} in {source}. Received: {', '.join(map(str, names)) or 'none'}.")
