"""Films are read and counted as the service reads them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.imaging.preprocess import read_film
from tests.drawn import draw_film, write_kaggle_layout
from tests.imaging.dicom.made import make_film
from training.data.films import Films, FilmsChanged, read_again, read_films
from training.data.layout import WrongLayout
from training.data.listing import list_films


def read(folder: Path) -> Films:
    """Read the films of a split at the size of the article."""
    return read_films(list_films(folder, "train"), width=150, height=150)


def test_unreadable_files_are_named_and_counted(tmp_path: Path) -> None:
    """A broken film and a link to nowhere are left out by name, and the others are read."""
    write_kaggle_layout(tmp_path, 3)
    (tmp_path / "train" / "NORMAL" / "broken.jpeg").write_bytes(b"\xff\xd8\xff\xe0 no film")
    (tmp_path / "train" / "PNEUMONIA" / "gone.jpeg").symlink_to("nowhere")
    (tmp_path / "train" / "NORMAL" / "._IM-0001-0001.jpeg").write_bytes(b"left by a Mac")
    films = read(tmp_path)
    assert films.count() == {"NORMAL": 3, "PNEUMONIA": 3}
    assert [file.path for file in films.unreadable] == ["PNEUMONIA/gone.jpeg", "NORMAL/broken.jpeg"]
    assert all(file.reason.startswith("Expected") for file in films.unreadable)


def test_films_are_read_as_the_service_reads_them(tmp_path: Path) -> None:
    """The pixels are those of `read_film`, the sizes those of the file."""
    write_kaggle_layout(tmp_path, 1)
    films = read(tmp_path)
    data = (tmp_path / "train" / films.paths[1]).read_bytes()
    np.testing.assert_array_equal(films.pixels[1], read_film(data, width=150, height=150).pixels)
    assert films.sizes[1].tolist() == [280, 240, len(data)]
    assert films.labels.tolist() == [0, 1]


def test_films_in_folders_of_folders_have_their_class(tmp_path: Path) -> None:
    """Whatever the name of the nearest folder, and however that of the class is written."""
    write_kaggle_layout(tmp_path, 2)
    shutil.move(tmp_path / "train" / "NORMAL", tmp_path / "train" / "normal")
    (tmp_path / "train" / "PNEUMONIA" / "virus").mkdir()
    file = next((tmp_path / "train" / "PNEUMONIA").glob("*.jpeg"))
    file.rename(file.parent / "virus" / file.name)
    assert read(tmp_path).labels.tolist() == [0, 0, 1, 1]


def test_the_fingerprint_identifies_films(tmp_path: Path) -> None:
    """It stays for the same files and changes when one of them does."""
    write_kaggle_layout(tmp_path, 2)
    before = read(tmp_path).fingerprint()
    assert read(tmp_path).fingerprint() == before
    path = next((tmp_path / "train" / "NORMAL").iterdir())
    cv2.imwrite(str(path), draw_film("NORMAL", 99))
    assert read(tmp_path).fingerprint() != before


def test_a_name_that_is_no_text_has_a_fingerprint(tmp_path: Path) -> None:
    """Of its bytes."""
    write_kaggle_layout(tmp_path, 2)
    path = next((tmp_path / "train" / "NORMAL").iterdir())
    path.rename(path.parent / os.fsdecode(b"caf\xe9.jpeg"))
    assert len(read(tmp_path).fingerprint()) == 64


def test_films_that_changed_are_refused(tmp_path: Path) -> None:
    """Neither with other bytes nor unreadable."""
    write_kaggle_layout(tmp_path, 2)
    films, folder = read(tmp_path), tmp_path / "train"
    assert read_again(folder, films, width=64, height=64).pixels.shape == (4, 64, 64)
    shutil.copy(folder / films.paths[0], folder / films.paths[1])
    with pytest.raises(FilmsChanged, match="Expected the 4 films"):
        read_again(folder, films, width=64, height=64)
    (folder / films.paths[1]).unlink()
    with pytest.raises(FilmsChanged):
        read_again(folder, films, width=64, height=64)


def test_a_folder_without_a_readable_film_is_refused_with_the_reasons(tmp_path: Path) -> None:
    """The first of them."""
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / "train" / label).mkdir(parents=True)
        (tmp_path / "train" / label / "a.jpeg").write_bytes(b"no film")
    with pytest.raises(WrongLayout, match=r"2 files of which not one can be read. NORMAL/a.jpeg: Expected"):
        read(tmp_path)


def test_dicom_films_are_read_beside_others(tmp_path: Path) -> None:
    """And those that the tags exclude are named with the reason."""
    write_kaggle_layout(tmp_path, 2)
    (tmp_path / "train" / "NORMAL" / "chest.dcm").write_bytes(make_film(draw_film("NORMAL", 7, 90, 100)))
    (tmp_path / "train" / "NORMAL" / "hip").write_bytes(make_film(BodyPartExamined="HIP"))
    films = read(tmp_path)

    place = films.paths.index("NORMAL/chest.dcm")
    assert films.sizes[place, :2].tolist() == [100, 90]
    assert [(file.path, "Received the part: HIP" in file.reason) for file in films.unreadable] == [("NORMAL/hip", True)]
