"""The three formats of a result."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from batch.errors import UnusableResult
from batch.results import COLUMNS, Row, check_writable, replace_result, write_part

ODD = 'new\nline, "quote"; \r' + os.fsdecode(b"\xff") + ".png"
VISIBLE = 'new\nline, "quote"; \r\\xff.png'
ROWS = [
    Row("a.png", "PNEUMONIA", 0.973041, False, "balanced", 0.41, ["x", "y"], "drawn/1", "ab", 200, None, None, 0.25),
    Row(ODD, error="unreadable-file", error_detail="Permission denied"),
]


def write_results(out: Path, rows: Iterable[Row]) -> None:
    """Write a result as a start does."""
    replace_result(write_part(out, rows), out)


def read(path: Path) -> list[dict[str, Any]]:
    """Read a result back; CSV's empty cells are None."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet", ".CSV"])
def test_every_format_holds_the_columns_of_the_contract_in_order(tmp_path: Path, ending: str) -> None:
    write_results(tmp_path / f"out{ending}", ROWS)
    if ending == ".CSV":
        (tmp_path / "out.CSV").rename(tmp_path / "out.csv")
    first, second = read(tmp_path / f"out{ending.lower()}")

    assert list(COLUMNS) == list(first) == list(second)
    assert (second["path"], second["error"], second["http_status"]) == (VISIBLE, "unreadable-file", None)
    if ending.lower() == ".csv":
        assert [first[name] for name in ("probability", "refer", "warnings", "http_status")] == [
            "0.973041",
            "false",
            "x;y",
            "200",
        ]
        assert second["refer"] is None
    else:
        assert list(ROWS[0].as_columns().values()) == list(first.values())
        assert second["warnings"] == []


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_half_a_pair_of_utf_16_is_written_as_an_escape(tmp_path: Path, ending: str) -> None:
    """An answer in JSON may hold it."""
    out = tmp_path / f"out{ending}"
    write_results(out, [Row("a.png", warnings=["x\ud800"], error="e", error_detail="\udfffy")])
    row = read(out)[0]

    assert (row["error_detail"], row["warnings"]) == (
        "\\udfffy",
        "x\\ud800" if ending == ".csv" else ["x\\ud800"],
    )


def test_a_result_that_breaks_off_leaves_the_old_one_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    write_results(out, ROWS)
    before = out.read_bytes()

    def breaking() -> Iterator[Row]:
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_results(out, breaking())
    assert before == out.read_bytes()


@pytest.mark.parametrize("name", ["out.txt", "out", "nowhere/out.csv", "folder.csv"])
def test_a_result_that_cannot_be_written_is_refused_early(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UnusableResult, match="Expected --out"):
        check_writable(tmp_path / name)


def test_parquet_without_its_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UnusableResult, match=r"make install-train"):
        check_writable(tmp_path / "out.parquet")


def test_parquet_is_written_in_groups_so_that_few_rows_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.results.ROWS_A_GROUP", 2)
    write_results(tmp_path / "r.parquet", [Row(str(number)) for number in range(5)])
    written = pq.ParquetFile(tmp_path / "r.parquet")
    assert [written.metadata.row_group(group).num_rows for group in range(written.num_row_groups)] == [2, 2, 1]


def test_the_new_name_of_a_result_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[Path, bool]] = []
    out = tmp_path / "r.csv"
    monkeypatch.setattr("batch.results.sync_folder", lambda folder: synced.append((folder, out.exists())))
    write_results(out, ROWS)
    assert synced == [(tmp_path, True)]
