"""Manifests: which addresses a Parquet, a CSV or a list of lines names, wherever it lies."""

from __future__ import annotations

import errno
import tracemalloc
from itertools import islice
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from batch.errors import CallError, StoreFailed, WrongList
from batch.manifests import read_manifest, read_manifests

FILMS = ["/archive/a.jpeg", "s3://films/b, c.png", "é.dcm"]


def test_parquet_names_films_in_the_column_path(tmp_path: Path) -> None:
    """Other columns and empty rows count for nothing."""
    table = pa.table({"patient": [1, 2, 3, 4], "path": [*FILMS[:2], None, FILMS[2]]})
    pq.write_table(table, tmp_path / "m.parquet")
    assert list(read_manifest(str(tmp_path / "m.parquet"))) == FILMS


def test_parquet_may_hold_strings_as_a_dictionary(tmp_path: Path) -> None:
    """As pandas writes a column of categories."""
    pq.write_table(pa.table({"path": pa.array(FILMS).dictionary_encode()}), tmp_path / "m.parquet")
    assert list(read_manifest(str(tmp_path / "m.parquet"))) == FILMS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_names_films_in_the_column_path(tmp_path: Path, encoding: str) -> None:
    """Quoted where a comma is in a name."""
    lines = ["patient,path", "1,/archive/a.jpeg", '2,"s3://films/b, c.png"', "3,", "4,é.dcm"]
    (tmp_path / "m.csv").write_text("\n".join(lines), encoding=encoding)
    assert list(read_manifest(str(tmp_path / "m.csv"))) == FILMS


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_other_file_has_an_address_a_line(tmp_path: Path, end: str) -> None:
    (tmp_path / "m.txt").write_bytes(end.join([*FILMS, "", ""]).encode())
    assert list(read_manifest(str(tmp_path / "m.txt"))) == FILMS


def test_a_manifest_may_lie_at_a_url(tmp_path: Path) -> None:
    """Of the local disk, or of any store that fsspec opens."""
    (tmp_path / "m.txt").write_text("\n".join(FILMS))
    fsspec.filesystem("memory").pipe_file("/m.txt", b"x.png\ny.png\n")
    assert list(read_manifest(f"file://{tmp_path}/m.txt")) == FILMS
    assert read_manifests(["a.png", "memory://m.txt", "b.png"]) == ["a.png", "x.png", "y.png", "b.png"]


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_without_the_column_it_is_refused_by_the_names_that_came(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.csv").write_text("file,patient\na.png,1\n")
    pq.write_table(pa.table({"file": ["a.png"], "patient": [1]}), tmp_path / "m.parquet")
    with pytest.raises(WrongList, match=r"Expected a column path in .*Received: file, patient\."):
        list(read_manifest(str(tmp_path / name)))


@pytest.mark.parametrize("name", ["none.csv", "broken.parquet"])
def test_an_unreadable_manifest_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(WrongList, match=f"{name} that can be read. Received: .+"):
        list(read_manifest(str(tmp_path / name)))


@pytest.mark.parametrize("name", ["m.csv", "m.parquet", "m.txt"])
def test_a_store_that_fails_is_no_wrong_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status is 1: a Kubernetes Job ends for good at 2."""

    def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "_open", fail)
    with pytest.raises(StoreFailed, match=f"{name} that can be read. Received: Connection reset by peer"):
        list(read_manifest(f"memory://{name}"))


def test_an_unknown_scheme_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match=r"Expected a path, s3://, gs:// or file://\. Received nowhere://"):
        list(read_manifest("nowhere://m.csv"))


@pytest.mark.parametrize("name", ["m.csv", "m.parquet", "m.txt"])
def test_a_long_manifest_is_not_held_in_memory(tmp_path: Path, name: str) -> None:
    """Python's part of it; Parquet is written as row groups."""
    films = [f"/archive/{number:07}.jpeg" for number in range(30_000)]
    pq.write_table(pa.table({"path": films}), tmp_path / "m.parquet", row_group_size=3_000)
    for text, header in (("m.csv", ["path"]), ("m.txt", [])):
        (tmp_path / text).write_text("\n".join(header + films))
    del films
    tracemalloc.start()
    try:
        read = sum(1 for _ in read_manifest(str(tmp_path / name)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == 30_000
    assert peak < 1_200_000  # the addresses alone are 2 MB


def test_reading_may_stop_early(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("\n".join(FILMS))
    assert list(islice(read_manifest(str(tmp_path / "m.txt")), 1)) == FILMS[:1]
