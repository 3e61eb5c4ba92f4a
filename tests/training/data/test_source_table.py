"""A table of sources is read into typed rows; what does not fit is one line with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.source_table import BadSourceTable, SourceRow, read_source_table

HEADER = "path,class,source,patient,population,view,form"
GOOD = "a/1.png,NORMAL,rsna,p1,adult,PA,whole"


def write(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """Write a table."""
    table = folder / "sources.csv"
    table.write_bytes("\r\n".join(lines).encode(encoding))
    return table


def test_a_table_becomes_typed_rows(tmp_path: Path) -> None:
    """Case, spaces, empty lines and a byte-order mark do not matter; the optional columns may be left out."""
    table = write(tmp_path, HEADER, GOOD, "", " b.png , Pneumonia ,bimcv,,Child,,LUNGS", encoding="utf-8-sig")
    assert read_source_table(table) == [
        SourceRow("a/1.png", 0, "rsna", "p1", "adult", "PA", "whole"),
        SourceRow("b.png", 1, "bimcv", "", "child", "", "lungs"),
    ]


def test_role_and_licence_are_read(tmp_path: Path) -> None:
    """In any order of columns; others are ignored."""
    table = write(tmp_path, f"licence,age,role,{HEADER}", f"CC0,40,validation,{GOOD}", f",,,{GOOD.replace('1', '2')}")
    first, second = read_source_table(table)
    assert (first.licence, first.is_validation) == ("CC0", True)
    assert (second.licence, second.is_validation) == ("", False)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            GOOD.replace("NORMAL", "COVID"),
            "as class in line 3 of sources.csv one of: NORMAL, PNEUMONIA. Received 'COVID'",
        ),
        (GOOD.replace("adult", "old"), "as population in line 3 of sources.csv one of: child, adult. Received 'old'"),
        (GOOD.replace("PA", "L"), "as view in line 3 of sources.csv one of: AP, PA, an empty cell. Received 'L'"),
        (GOOD.replace("whole", ""), "as form in line 3 of sources.csv one of: whole, lungs. Received ''"),
        (GOOD.replace("a/1.png", ""), "a path in line 3 of sources.csv. Received an empty cell"),
        (GOOD.replace("rsna", ""), "a source in line 3 of sources.csv. Received an empty cell"),
        (GOOD.replace("a/", "/a/"), "a path relative to the table in line 3 of sources.csv. Received '/a/1.png'"),
        (GOOD + ",x", "7 cells in line 3 of sources.csv. Received 8"),
        (GOOD, "each film once. Received a/1.png in line 2 and in line 3 of sources.csv"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    """The message says what was expected and what came, in one line."""
    with pytest.raises(BadSourceTable) as caught:
        read_source_table(write(tmp_path, HEADER, GOOD, line))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    """A test set has no place here."""
    with pytest.raises(BadSourceTable, match=r"as role in line 2 .* an empty cell, validation. Received 'test'"):
        read_source_table(write(tmp_path, f"{HEADER},role", f"{GOOD},test"))


@pytest.mark.parametrize("lines", [(), ("path,class",), ("path;class;source;patient;population;view;form",)])
def test_a_table_without_its_columns_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """The message lists them."""
    with pytest.raises(BadSourceTable, match=f"the columns {HEADER} in line 1"):
        read_source_table(write(tmp_path, *lines))


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """No file, no films, another encoding."""
    with pytest.raises(BadSourceTable, match="No such file"):
        read_source_table(tmp_path / "none.csv")
    with pytest.raises(BadSourceTable, match=r"films in sources.csv. Received none"):
        read_source_table(write(tmp_path, HEADER))
    with pytest.raises(BadSourceTable, match=r"UTF-8. It cannot be read"):
        read_source_table(write(tmp_path, HEADER, GOOD.replace("p1", "M\u00fcller"), encoding="latin-1"))
