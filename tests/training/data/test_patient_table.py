"""A table of patients is read in the forms in which spreadsheets and shells write it, and found to fit its films."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.patient_table import BadPatientTable, PatientTable, read_patient_table
from training.data.patients import group_by_patient

FOLDER = Path("/data/chest_xray/train")
FILMS = ("NORMAL/a.jpeg", "PNEUMONIA/virus/b.jpeg")


def write(folder: Path, content: str, encoding: str = "utf-8") -> Path:
    """Write a table."""
    table = folder / "patients.csv"
    table.write_bytes(content.encode(encoding))
    return table


@pytest.mark.parametrize("column", ["path", "file", "Path", " FILE "])
def test_table_of_patients_wins_over_names(tmp_path: Path, column: str) -> None:
    """A CSV groups by its own patients, by path or by file name."""
    key = "IM-0001-0001.jpeg" if "file" in column.lower() else "NORMAL/IM-0001-0001.jpeg"
    table = write(tmp_path, f"{column},patient\n{key},anna\nIM-0002-0001.jpeg,anna\n")
    grouping = group_by_patient(("NORMAL/IM-0001-0001.jpeg", "NORMAL/IM-0002-0001.jpeg"), read_patient_table(table))
    assert grouping.groups[0] == grouping.groups[1]
    assert grouping.rule == "by patient, from the table given"


@pytest.mark.parametrize(
    "path",
    [
        *("a.jpeg", "NORMAL/a.jpeg", "./NORMAL/a.jpeg", "train/NORMAL/a.jpeg", "/data/chest_xray/train/NORMAL/a.jpeg"),
        *("NORMAL\\a.jpeg", "C:\\films\\NORMAL\\a.jpeg", "\\\\server\\share\\NORMAL\\a.jpeg", ".\\a.jpeg"),
        *("normal/A.JPEG", "/mnt/elsewhere/NORMAL/a.jpeg", "../data/NORMAL/a.jpeg", " NORMAL/a.jpeg "),
    ],
)
def test_a_path_fits_in_every_form(path: str) -> None:
    """Absolute or relative to any folder, of this machine or another, with the separators of either system."""
    assert PatientTable([(path, "anna")]).patient_of("NORMAL/a.jpeg", FOLDER) == "anna"


@pytest.mark.parametrize("path", ["PNEUMONIA/a.jpeg", "/data/other/PNEUMONIA/a.jpeg", "aa.jpeg", "ORMAL/a.jpeg", ""])
def test_another_path_does_not_fit(path: str) -> None:
    """Names are compared whole."""
    assert PatientTable([(path, "anna")]).patient_of("NORMAL/a.jpeg", FOLDER) is None


def test_accents_fit_however_they_are_composed() -> None:
    """A Mac's file system and a spreadsheet write them differently."""
    assert PatientTable([("NORMAL/caf\u00e9.jpeg", "anna")]).patient_of("NORMAL/cafe\u0301.jpeg") == "anna"


def test_of_paths_that_fit_the_nearest_counts() -> None:
    """The same name may stand in two splits, or differ in case alone."""
    table = PatientTable(
        [("x/train/NORMAL/a.jpeg", "anna"), ("x/test/NORMAL/a.jpeg", "ben"), ("B.jpeg", "carl"), ("b.jpeg", "dora")]
    )
    assert table.patient_of("NORMAL/a.jpeg", FOLDER) == "anna"
    assert table.patient_of("NORMAL/b.jpeg", FOLDER) == "dora"


def test_two_patients_of_one_film_are_refused() -> None:
    """Whichever was meant, the other one would be split or counted wrongly; the same one twice is no harm."""
    assert PatientTable([("a.jpeg", "anna"), ("a.jpeg", "anna")]).patient_of("NORMAL/a.jpeg") == "anna"
    with pytest.raises(BadPatientTable, match=r"one patient of NORMAL/a.jpeg. Received 2"):
        PatientTable([("a.jpeg", "anna"), ("a.jpeg", "ben")]).patient_of("NORMAL/a.jpeg")


def test_a_table_of_other_films_is_refused() -> None:
    """Silently, each film would be taken for a patient of its own."""
    PatientTable([("elsewhere/x.jpeg", "anna"), ("b.jpeg", "ben")]).check(FILMS, FOLDER)
    with pytest.raises(BadPatientTable, match=r"paths as NORMAL/a.jpeg. Received paths as elsewhere/x.jpeg"):
        PatientTable([("elsewhere/x.jpeg", "anna"), ("b.jpeg", "")]).check(FILMS, FOLDER)
    with pytest.raises(BadPatientTable, match="Received an empty table"):
        PatientTable([]).check(FILMS, FOLDER)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["", "sep={}\r\n", "#TYPE System.Object\r\n", "\r\n"])
def test_spreadsheets_write_tables_in_many_forms(tmp_path: Path, encoding: str, delimiter: str, above: str) -> None:
    """Every one of them is read, names with accents, quotes and empty lines included."""
    rows = ["path,patient,age", '"NORMAL\\a.jpeg",M\u00fcller,3', "", "b.jpeg,Ayd\u0131n,4", "c.jpeg"]
    text = above.format(delimiter) + "\r\n".join(row.replace(",", delimiter) for row in rows)
    table = read_patient_table(write(tmp_path, text, encoding))
    assert [table.patient_of(path, FOLDER) for path in FILMS] == ["M\u00fcller", "Ayd\u0131n"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "latin-1", "utf-32"])
def test_another_encoding_is_refused_with_what_to_save_as(tmp_path: Path, encoding: str) -> None:
    """UTF-16 without its mark, and the encodings of old Windows."""
    with pytest.raises(BadPatientTable, match="UTF-8, or in UTF-16 with a byte-order mark"):
        read_patient_table(write(tmp_path, "path,patient\na.jpeg,M\u00fcller\n", encoding))


@pytest.mark.parametrize("content", ["", "film,person\na,b\n", "path\na.jpeg\n"])
def test_table_without_its_columns_is_refused(tmp_path: Path, content: str) -> None:
    """The message names the columns that were expected."""
    with pytest.raises(BadPatientTable, match=r"path \(or file\) and patient"):
        read_patient_table(write(tmp_path, content))


def test_a_table_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(BadPatientTable, match="No such file"):
        read_patient_table(tmp_path / "none.csv")
    with pytest.raises(BadPatientTable, match="cannot be read: field larger"):
        read_patient_table(write(tmp_path, f"path,patient\n{'a' * 200_000},b\n"))
