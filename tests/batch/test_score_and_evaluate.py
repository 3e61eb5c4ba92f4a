"""`score --labels folders` and `evaluate` take the same files of a folder for films, with the same labels."""

import os
from pathlib import Path

from batch.labels import LabelledRows
from batch.paths import find_films
from batch.results import Row
from training.data.listing import list_films

JPEG = b"\xff\xd8\xff\xe0"


def test_both_commands_find_the_same_films_with_the_same_labels(tmp_path: Path) -> None:
    """The films, what cannot be opened, and what is passed over, by kind, in a folder as systems leave it."""
    for number, name in enumerate(
        [
            *("normal/a.jpeg", "normal/b.JFIF", "normal/c.jpe", "normal/d", "normal/e.JPG.1", "normal/Thumbs.db"),
            *("normal/desktop.ini", "normal/@eaDir/a.jpeg/thumb.jpg", "normal/._a.jpeg", "normal/x/y/f.PNG"),
            *("Pneumonia/bacteria/a.jpeg", "Pneumonia/virus/a.jpeg", "Pneumonia/normal/g.dcm", "Pneumonia/x.tiff"),
            *("__MACOSX/normal/h.jpeg", "Pneumonia/empty", "set/PNEUMONIA/i.png", "set/NORMAL/j.png", "README"),
        ]
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        is_film = file.suffix not in (".ini", ".db", ".tiff") and file.name != "README"
        file.write_bytes(JPEG * is_film + bytes([number]) * (file.name != "empty"))
    (tmp_path / "normal" / "caf\udce9.jpeg").write_bytes(b"caf")
    (tmp_path / "normal" / "gone.jpeg").symlink_to("nowhere")
    (tmp_path / "Pneumonia" / "self").symlink_to("self")
    (tmp_path / "Pneumonia" / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "Pneumonia" / "pipe.png")
    os.mkfifo(tmp_path / "Pneumonia" / "pipe")

    listing, found = list_films(tmp_path), find_films([str(tmp_path)])

    assert len(listing.paths) == 12
    assert {str(listing.folder / path) for path in listing.paths} == {
        film.key for film in found.films if not film.problem
    }
    assert {str(listing.folder / file.path) for file in listing.unreadable} == {
        film.key for film in found.films if film.problem
    }
    assert listing.remarks == (found.describe_skipped(),)
    labelled = LabelledRows(found.films)
    for film in found.films:
        labelled.add(film, Row(film.path, "NORMAL", 0.2) if not film.problem else Row(film.path, error="unreadable"))
    count = listing.count()
    assert labelled.report()[0] == f"12 labelled films: {count['NORMAL']} NORMAL, {count['PNEUMONIA']} PNEUMONIA."
    assert count == {"NORMAL": 9, "PNEUMONIA": 3}


def test_a_copy_of_the_folder_within_itself_counts_once_in_both(tmp_path: Path) -> None:
    """As Kaggle's zip unpacks."""
    for top in ("chest_xray", "chest_xray/chest_xray"):
        for name in ("NORMAL/a.jpeg", "PNEUMONIA/b.jpeg"):
            file = tmp_path / top / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(JPEG + name.encode())
    labelled = LabelledRows(films := find_films([str(tmp_path)]).films)
    for film in films:
        labelled.add(film, Row(film.path, "NORMAL", 0.2), Path(film.key).read_bytes().hex())
    assert labelled.report()[0] == "2 labelled films: 1 NORMAL, 1 PNEUMONIA."
    assert list_films(tmp_path).count() == {"NORMAL": 1, "PNEUMONIA": 1}
