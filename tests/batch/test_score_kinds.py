"""Which files of a folder are films, and how the others are counted."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.batch.calls import find, named
from training.data.kinds import read_beginning

JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
META = b"\x02\0\0\0UL\x04\0\xc0\0\0\0\x02\0\x02\0UI\x1a\0"
DICOM = bytes(128) + b"DICM" + META + b"1.2.840.10008.5.1.4.1.1.1\0"


@pytest.mark.parametrize(
    "name", ["film.jfif", "film.jpe", "film.JPG.1", "film", "1.2.840.113619.2.55.3", "film.txt", "film.jpeg~", "IM 1"]
)
@pytest.mark.parametrize("film", [JPEG, PNG, DICOM, META, b"\x08\0\x05\0CS\x0a\0ISO_IR 100", b"\x08\0\0\0\x04\0\0\0"])
def test_a_film_is_known_by_its_bytes_where_its_ending_says_nothing(tmp_path: Path, name: str, film: Path) -> None:
    """A film is known by its bytes where its ending says nothing: JPEG, PNG, DICOM with and without its preamble."""
    (tmp_path / name).write_bytes(film)
    assert named([tmp_path]) == [f"{tmp_path}/{name}"]


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "png", "Dcm", "jfif", "jpe", "dicom"])
def test_the_ending_of_a_film_is_believed(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ending of a film is believed without opening the file: one that is empty becomes a row with its error."""
    (tmp_path / f"a.{ending}").touch()
    monkeypatch.setattr("batch.paths.read_beginning", None)
    assert named([tmp_path]) == [f"{tmp_path}/a.{ending}"]


def test_what_is_skipped_is_counted_by_kind(tmp_path: Path) -> None:
    """What is passed over is counted by kind, and nothing that may wait for a writer is opened."""
    contents = {
        "a.txt": b"x",
        "b.TXT": b"\xff\xd8",
        "Thumbs.db": b"\xd0\xcf\x11\xe0",
        "report": b"x",
        "x.1": b"x",
        "Dr. Who": b"x",
        "nothing": b"",
        "._a.jpeg": b"\0\5\x16\7",
        ".git/a.png": PNG,
        "DICOMDIR": DICOM.replace(b"1.2.840.10008.5.1.4.1.1.1", b"1.2.840.10008.1.3.10"),
        "@eaDir/a.png": PNG,
        "__MACOSX/b.png": PNG,
        "below/__MACOSX/b.png": PNG,
        "film.png": PNG,
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    found = find(tmp_path)

    assert [film.path for film in found.films] == [f"{tmp_path}/film.png"]
    assert found.describe_skipped() == (
        "Passed over: 4 without an ending, 2 .txt, 2 __MACOSX/, 2 hidden, 1 .db, 1 @eaDir/, "
        "1 device, pipe or socket, 1 empty."
    )


def test_nothing_skipped_is_not_told_and_many_kinds_are_cut_short(tmp_path: Path) -> None:
    """Nothing passed over is not printed; of many kinds the frequent ones are."""
    (tmp_path / "a.png").touch()
    assert find(tmp_path).describe_skipped() is None
    for number in range(20):
        (tmp_path / f"a.x{number:02}").write_text("x")
    assert find(tmp_path).describe_skipped().endswith(" 1 .x11, 8 others.")


def test_a_pipe_that_took_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert read_beginning(str(tmp_path / "pipe")) == b""
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
