"""Labelled films are found wherever they lie, each once; what else lies there is listed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.drawn import write_kaggle_layout
from training.data.layout import WrongLayout, download_kaggle, expect_both_classes
from training.data.listing import list_films


def put(folder: Path, *paths: str, content: bytes | None = None) -> None:
    """Write files below a folder, each with other bytes."""
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.encode("utf-8", "surrogateescape") if content is None else content)


def test_layout_is_found_as_it_unzips(tmp_path: Path) -> None:
    """A folder in a folder is read like that folder, and its films are called by their class and name."""
    write_kaggle_layout(tmp_path / "chest_xray" / "chest_xray", 2, ("train", "test"))
    for data in (tmp_path, tmp_path / "chest_xray", tmp_path / "chest_xray" / "chest_xray"):
        listing = list_films(data, "test")
        assert listing.folder == tmp_path / "chest_xray" / "chest_xray" / "test"
        assert listing.paths == (
            "NORMAL/IM-0002-0001.jpeg",
            "NORMAL/IM-0002-0002.jpeg",
            "PNEUMONIA/person2_bacteria_3.jpeg",
            "PNEUMONIA/person2_bacteria_4.jpeg",
        )
    assert (listing.unreadable, listing.splits, listing.remarks) == ((), ("train",), ())


@pytest.mark.parametrize("outer", ["chest_xray", "renamed"])
def test_a_copy_of_the_folder_within_itself_counts_once(tmp_path: Path, outer: str) -> None:
    """As Kaggle's zip unpacks; a file of the same name with other bytes is another film."""
    write_kaggle_layout(tmp_path / outer, 3, ("train", "test"))
    shutil.copytree(tmp_path / outer, tmp_path / "copy")
    shutil.move(tmp_path / "copy", tmp_path / outer / "chest_xray")
    put(tmp_path / outer / "__MACOSX", "chest_xray/test/NORMAL/._IM-0002-0001.jpeg")
    for data in (tmp_path, tmp_path / outer):
        listing = list_films(data, "test")
        assert listing.folder == tmp_path / outer / "test"
        assert len(listing.paths) == 6
        assert "6 films lie in it twice, byte for byte: each counts once." in listing.remarks
    put(tmp_path / outer / "chest_xray", f"test/{listing.paths[0]}", content=b"another")
    changed = list_films(tmp_path, "test")
    assert changed.folder == tmp_path / outer
    assert len(changed.paths) == 7


def test_the_same_bytes_beside_each_other_are_two_films(tmp_path: Path) -> None:
    """Only a copy of a folder within itself is one."""
    put(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/bacteria/1.jpeg", "PNEUMONIA/virus/1.jpeg", content=b"one and the same")
    assert len(list_films(tmp_path).paths) == 3


def test_the_nearest_folder_named_after_a_class_labels_a_film(tmp_path: Path) -> None:
    """In any case and at any depth, above folders of other names; those of NORMAL come first."""
    put(tmp_path, "Pneumonia/virus/late/a.png", "Pneumonia/bacteria/b.png", "normal/c.png", "x/NORMAL/d.png")
    put(tmp_path, "pneumonia set/e.png", "PNEUMONIA/normal/f.png")
    listing = list_films(tmp_path)
    assert listing.paths == (
        "PNEUMONIA/normal/f.png",
        "normal/c.png",
        "x/NORMAL/d.png",
        "Pneumonia/bacteria/b.png",
        "Pneumonia/virus/late/a.png",
    )
    assert listing.count() == {"NORMAL": 3, "PNEUMONIA": 2}
    assert listing.remarks == ("1 films in no folder named NORMAL or PNEUMONIA are left out: 1 in pneumonia set/.",)


def test_a_folder_that_holds_both_classes_is_of_none(tmp_path: Path) -> None:
    """A study may be named after the illness."""
    put(tmp_path, "pneumonia/NORMAL/a.png", "pneumonia/PNEUMONIA/b.png", "pneumonia/stray.png")
    listing = list_films(tmp_path)
    assert (listing.folder, listing.paths) == (tmp_path / "pneumonia", ("NORMAL/a.png", "PNEUMONIA/b.png"))
    assert "1 in pneumonia/." in listing.remarks[0]


def test_what_systems_leave_is_passed_over_and_counted(tmp_path: Path) -> None:
    """Thumbnails, resource forks and notes are no films and no errors."""
    put(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/b.JFIF", "PNEUMONIA/c.JPE", "PNEUMONIA/d.PNG")
    put(tmp_path, "NORMAL/Thumbs.db", "NORMAL/desktop.ini", "PNEUMONIA/desktop.ini", "NORMAL/._a.jpeg", ".DS_Store")
    put(tmp_path, "NORMAL/@eaDir/a.jpeg/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/NORMAL/._a.jpeg", "readme", "NORMAL/x.tiff")
    listing = list_films(tmp_path)
    assert listing.paths == ("NORMAL/a.jpeg", "PNEUMONIA/b.JFIF", "PNEUMONIA/c.JPE", "PNEUMONIA/d.PNG")
    assert listing.unreadable == ()
    assert listing.remarks == (
        "Passed over: 2 .ini, 2 hidden, 1 .db, 1 .tiff, 1 @eaDir/, 1 __MACOSX/, 1 without an ending.",
    )


def test_a_film_is_known_by_its_bytes_where_its_ending_says_nothing(tmp_path: Path) -> None:
    """A JPEG under a number, a PNG without an ending."""
    put(tmp_path, "NORMAL/a.JPG.1", content=b"\xff\xd8\xff\xe0")
    put(tmp_path, "PNEUMONIA/b", content=b"\x89PNG\r\n\x1a\n")
    put(tmp_path, "PNEUMONIA/c.1", content=b"no film")
    assert list_films(tmp_path).paths == ("NORMAL/a.JPG.1", "PNEUMONIA/b")


def test_what_cannot_be_opened_is_a_line_of_its_own(tmp_path: Path) -> None:
    """Links to nowhere and to themselves, pipes; each with its reason, and no byte is asked of a pipe."""
    put(tmp_path, "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")
    (tmp_path / "NORMAL" / "gone.jpeg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "NORMAL" / "self").symlink_to("self")
    (tmp_path / "PNEUMONIA" / "virus").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "PNEUMONIA" / "pipe.jpeg")
    os.mkfifo(tmp_path / "PNEUMONIA" / "pipe")
    listing = list_films(tmp_path)
    assert listing.paths == ("NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")
    assert [(file.path, file.reason) for file in listing.unreadable] == [
        ("NORMAL/gone.jpeg", "Expected a file that can be opened. Received: No such file or directory."),
        ("NORMAL/self", "Expected a file that can be opened. Received: Too many levels of symbolic links."),
        ("PNEUMONIA/pipe.jpeg", "Expected a file. Received a device, a pipe or a socket."),
        ("PNEUMONIA/virus", "Expected a file that can be opened. Received: No such file or directory."),
    ]
    assert listing.remarks == ("Passed over: 1 device, pipe or socket.",)


def test_a_folder_that_may_not_be_entered_is_a_line_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is read."""
    put(tmp_path, "NORMAL/a.jpeg", "NORMAL/closed/b.jpeg", "PNEUMONIA/c.jpeg")
    read = Path.iterdir

    def refuse(folder: Path) -> Iterator[Path]:
        # As root, a folder without permissions would be entered.
        if folder.name == "closed":
            raise PermissionError(13, "Permission denied")
        return read(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    listing = list_films(tmp_path)
    assert listing.paths == ("NORMAL/a.jpeg", "PNEUMONIA/c.jpeg")
    assert [file.path for file in listing.unreadable] == ["NORMAL/closed"]
    assert listing.unreadable[0].reason == "Expected a folder that can be opened. Received: Permission denied."


def test_links_to_folders_are_followed_and_loops_end(tmp_path: Path) -> None:
    """No folder counts twice or for both classes; one without a label is read by the link that gives it one."""
    put(tmp_path, "ALL/ill/a.jpeg", "NORMAL/b.jpeg", "PNEUMONIA/c.jpeg")
    (tmp_path / "PNEUMONIA" / "more").symlink_to(tmp_path / "ALL" / "ill")
    (tmp_path / "NORMAL" / "up").symlink_to(tmp_path)
    (tmp_path / "NORMAL" / "root").symlink_to("/")
    (tmp_path / "NORMAL" / "across").symlink_to(tmp_path / "PNEUMONIA")
    listing = list_films(tmp_path)
    assert listing.paths == ("NORMAL/b.jpeg", "PNEUMONIA/c.jpeg", "PNEUMONIA/more/a.jpeg")
    assert "Passed over: 3 link to a folder already read." in listing.remarks


@pytest.mark.long
def test_folders_lie_deeper_than_python_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is entered, until a path is too long for the system: that is a line of its own."""
    put(tmp_path, "NORMAL/a.jpeg")
    monkeypatch.chdir(tmp_path)
    folders = ["PNEUMONIA", *["d"] * 2100]
    for depth, name in enumerate(folders):
        os.mkdir(name)  # noqa: PTH102
        os.chdir(name)
        if depth == 1200:
            Path("b.jpeg").touch()
    try:
        listing = list_films(tmp_path)
    finally:
        for name in reversed(folders):  # by hand: shutil recurses
            Path("b.jpeg").unlink(missing_ok=True)
            os.chdir("..")
            Path(name).rmdir()
    assert listing.count() == {"NORMAL": 1, "PNEUMONIA": 1}
    assert [file.reason for file in listing.unreadable] == [
        "Expected a file that can be opened. Received: File name too long."
    ]


def test_names_that_are_no_text_can_be_shown(tmp_path: Path) -> None:
    """Undecodable bytes and control characters are escaped where they are shown, and kept where files are opened."""
    put(tmp_path, os.fsdecode(b"NORMAL/caf\xe9.jpeg"), "PNEUMONIA/b.jpeg")
    (tmp_path / "PNEUMONIA" / os.fsdecode(b"\xe9\n\x1b[31m.jpeg")).symlink_to("nowhere")
    listing = list_films(tmp_path)
    assert (listing.folder / listing.paths[0]).read_bytes() == b"NORMAL/caf\xe9.jpeg"
    assert [file.path for file in listing.unreadable] == [r"PNEUMONIA/\xe9\n\x1b[31m.jpeg"]


def test_splits_are_never_mixed(tmp_path: Path) -> None:
    """Without a split, films in no split's folder are read and the others counted; without those, splits are listed."""
    write_kaggle_layout(tmp_path / "both", 2, ("train", "test"))
    with pytest.raises(WrongLayout, match="choose --split test or train"):
        list_films(tmp_path / "both")
    put(tmp_path / "both", "NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")
    assert list_films(tmp_path / "both").remarks == (
        "4 films of test/ are left out: --split test.",
        "4 films of train/ are left out: --split train.",
    )
    assert list_films(tmp_path / "both").paths == ("NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")
    assert list_films(tmp_path / "both", "TEST").folder == tmp_path / "both" / "test"
    assert list_films(tmp_path / "both", "test").remarks == ("2 films outside test/ are left out.",)


def test_training_prefers_the_folder_train(tmp_path: Path) -> None:
    """Where there is none, it takes films in no split's folder, as they lie in train/ itself."""
    write_kaggle_layout(tmp_path, 2, ("train", "val"))
    listing = list_films(tmp_path, "train", None)
    assert (listing.folder, listing.splits) == (tmp_path / "train", ("val",))
    assert list_films(tmp_path / "train", "train", None).paths == listing.paths


def test_any_folder_may_be_named_as_a_split(tmp_path: Path) -> None:
    """Films of a test set of one's own."""
    put(tmp_path, "holdout/NORMAL/a.jpeg", "holdout/PNEUMONIA/b.jpeg", "train/NORMAL/c.jpeg")
    assert list_films(tmp_path, "holdout").paths == ("NORMAL/a.jpeg", "PNEUMONIA/b.jpeg")


@pytest.mark.parametrize(
    ("names", "received"),
    [
        (["films/"], "Received a folder with films/."),
        ([], "Received an empty folder."),
        (["ill/a.jpeg", "ill/b.jpeg", "c.png"], "3 films in no folder .* left out: 2 in ill/, 1 in ./."),
        (["NORMAL/Thumbs.db"], "Passed over: 1 .db."),
    ],
)
def test_a_wrong_layout_is_refused_with_the_right_one_and_what_came(
    tmp_path: Path, names: list[str], received: str
) -> None:
    """The error shows the tree that was expected, and what lies there instead."""
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            put(tmp_path, name)
    with pytest.raises(WrongLayout, match=rf"├── NORMAL/[^$]*├── train/\n│   ├── NORMAL/[^$]*{received}"):
        list_films(tmp_path)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A file, and nothing at all."""
    put(tmp_path, "a.jpeg")
    with pytest.raises(WrongLayout, match=r"Received a path that is no folder\.$"):
        list_films(tmp_path / "a.jpeg")
    with pytest.raises(WrongLayout, match=r"cannot be read as a folder: No such file or directory\.$"):
        list_films(tmp_path / "nowhere")


def test_the_folder_of_a_class_is_refused_with_advice(tmp_path: Path) -> None:
    """To give the one above."""
    put(tmp_path, "NORMAL/a.jpeg")
    with pytest.raises(WrongLayout, match="Give the folder above NORMAL/"):
        list_films(tmp_path / "NORMAL")


def test_a_folder_without_a_readable_film_is_refused_with_the_reasons(tmp_path: Path) -> None:
    """The first of them."""
    put(tmp_path, "NORMAL/x.txt")
    (tmp_path / "NORMAL" / "a.jpeg").symlink_to("nowhere")
    with pytest.raises(WrongLayout, match=r"NORMAL/a.jpeg: Expected a file that can be opened"):
        list_films(tmp_path)


def test_films_of_one_class_are_refused_with_what_else_lies_there(tmp_path: Path) -> None:
    """A folder with another name may hold the others."""
    put(tmp_path, "NORMAL/a.jpeg", "positive/b.jpeg")
    listing = list_films(tmp_path)
    with pytest.raises(WrongLayout, match=r"1 of NORMAL and none of PNEUMONIA. 1 films in no .*: 1 in positive/"):
        expect_both_classes(listing.folder, listing.count(), listing.remarks)


def test_the_kaggle_set_is_downloaded_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through kagglehub, here a stand-in that returns a folder."""
    asked: list[str] = []
    stand_in = SimpleNamespace(dataset_download=lambda name: asked.append(name) or str(tmp_path))
    monkeypatch.setitem(sys.modules, "kagglehub", stand_in)
    assert download_kaggle() == tmp_path
    assert asked == ["paultimothymooney/chest-xray-pneumonia"]
