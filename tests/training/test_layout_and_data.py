"""Films are found, read and counted; a wrong folder is told the right one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from app.imaging.preprocess import read_film
from tests.drawn import draw_film, write_kaggle_layout
from training.data import Films, read_films
from training.layout import WrongLayout, download_kaggle, find_kaggle_root, find_labelled


def read(folder: Path) -> Films:
    """Read at the size of the article."""
    return read_films(folder, width=150, height=150)


def test_layout_is_found_as_it_unzips(tmp_path):
    """A folder that holds one folder `chest_xray` is read like that folder."""
    write_kaggle_layout(tmp_path / "chest_xray", 2, ("train", "test"))
    assert find_kaggle_root(tmp_path) == find_kaggle_root(tmp_path / "chest_xray") == tmp_path / "chest_xray"
    assert find_labelled(tmp_path, "test") == tmp_path / "chest_xray" / "test"


def test_wrong_layout_draws_the_right_one(tmp_path):
    """The error shows the tree that was expected, and what came instead."""
    (tmp_path / "films").mkdir()
    with pytest.raises(WrongLayout, match=r"├── train/\n│   ├── NORMAL/[^$]*Received a folder with films/"):
        find_kaggle_root(tmp_path)


def test_split_folder_is_told_to_go_up(tmp_path):
    """Who names the folder `train` itself is told to give the one above."""
    write_kaggle_layout(tmp_path, 1)
    with pytest.raises(WrongLayout, match="Give the folder above train/"):
        find_kaggle_root(tmp_path / "train")
    with pytest.raises(WrongLayout, match="choose --split train"):
        find_labelled(tmp_path)


def test_unreadable_files_are_named_and_counted(tmp_path):
    """A broken film and a folder among the films are left out by name, and the others are read."""
    write_kaggle_layout(tmp_path, 3)
    (tmp_path / "train" / "NORMAL" / "broken.jpeg").write_bytes(b"\xff\xd8\xff\xe0 no film")
    (tmp_path / "train" / "PNEUMONIA" / "folder.jpeg").mkdir()
    (tmp_path / "train" / "NORMAL" / "._IM-0001-0001.jpeg").write_bytes(b"left by a Mac")
    films = read(tmp_path / "train")
    assert films.count() == {"NORMAL": 3, "PNEUMONIA": 3}
    assert [file.path for file in films.unreadable] == ["NORMAL/broken.jpeg", "PNEUMONIA/folder.jpeg"]
    assert all(file.reason.startswith("Expected") for file in films.unreadable)


def test_films_are_read_as_the_service_reads_them(tmp_path):
    """The pixels are those of `read_film`, the sizes those of the file."""
    write_kaggle_layout(tmp_path, 1)
    films = read(tmp_path / "train")
    data = (tmp_path / "train" / films.paths[1]).read_bytes()
    np.testing.assert_array_equal(films.pixels[1], read_film(data, width=150, height=150).pixels)
    assert films.sizes[1].tolist() == [280, 240, len(data)]
    assert films.labels.tolist() == [0, 1]


def test_fingerprint_tells_films_apart(tmp_path):
    """The fingerprint stays the same for the same files and changes when one of them does."""
    write_kaggle_layout(tmp_path, 2)
    before = read(tmp_path / "train").fingerprint()
    assert read(tmp_path / "train").fingerprint() == before
    path = next((tmp_path / "train" / "NORMAL").iterdir())
    cv2.imwrite(str(path), draw_film("NORMAL", 99))
    assert read(tmp_path / "train").fingerprint() != before


def test_folder_of_one_class_is_readable(tmp_path):
    """An evaluation may have films of one class only."""
    write_kaggle_layout(tmp_path, 2)
    for path in (tmp_path / "train" / "PNEUMONIA").iterdir():
        path.unlink()
    (tmp_path / "train" / "PNEUMONIA").rmdir()
    assert read(find_labelled(tmp_path, "train")).count() == {"NORMAL": 2, "PNEUMONIA": 0}


def test_kaggle_set_is_asked_for_by_its_name(tmp_path, monkeypatch):
    """`kaggle` goes through kagglehub, here a stand-in that answers with a folder."""
    asked = []
    stand_in = SimpleNamespace(dataset_download=lambda name: asked.append(name) or str(tmp_path))
    monkeypatch.setitem(sys.modules, "kagglehub", stand_in)
    assert download_kaggle() == tmp_path
    assert asked == ["paultimothymooney/chest-xray-pneumonia"]
