"""Drawn archives for tests, and what their parts hold."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from batch.destinations import open_destination
from batch.in_process import ScoringOptions
from batch.score_archive import score_archive
from tests.conftest import encode, film_pixels


def draw_archive(folder: Path, films: int) -> list[str]:
    """Write different small films, and a manifest beside the folder; return their addresses."""
    folder.mkdir()
    addresses = []
    for number in range(films):
        film = folder / f"{number:03}.png"
        film.write_bytes(encode(film_pixels(number, 80, 90), ".png"))
        addresses.append(str(film))
    write_manifest(folder.with_suffix(".txt"), addresses)
    return addresses


def write_manifest(path: Path, addresses: list[str]) -> None:
    path.write_text("".join(f"{address}\n" for address in addresses))


def start(store: Path, *sources: Path | str, out: str, **options: Any) -> int:
    """Score an archive in this process; return the exit status."""
    scoring = ScoringOptions(store, **{name: options.pop(name) for name in ("model", "gate") if name in options})
    options = {"part_films": 5, "concurrency": 4} | options
    return score_archive(lambda: [str(source) for source in sources], scoring, out=out, **options)


def parts_of(out: str) -> dict[str, bytes]:
    """Return the parts by name; all are read whole."""
    destination = open_destination(out)
    names = sorted(name for name in destination.names() if name.startswith("part-"))
    return {name: destination.read(name) or b"" for name in names}


def rows_of(out: str) -> list[dict[str, Any]]:
    """Return the rows of all parts, in the order of their names."""
    return [row for part in parts_of(out).values() for row in pq.read_table(io.BytesIO(part)).to_pylist()]


def paths_of(out: str) -> list[str]:
    return [row["path"] for row in rows_of(out)]
