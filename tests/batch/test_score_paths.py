"""Which films a call names."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batch.errors import NothingNamed
from batch.paths import join_some, printable
from tests.batch.calls import find, named


def test_a_folder_is_walked_sorted_by_ending_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/z.dcm", "a/y.JPG", "c.txt", ".hidden.png", ".git/a.png", "d.jpeg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()

    assert [f"{tmp_path}/{name}" for name in ("a/y.JPG", "a/z.dcm", "b.PNG", "d.jpeg")] == named([tmp_path])


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "loop").symlink_to(tmp_path)

    assert [f"{tmp_path}/a.png"] == named([tmp_path])


def test_a_file_that_was_named_is_taken_whatever_its_ending_and_once(tmp_path: Path) -> None:
    (tmp_path / "film").touch()
    (tmp_path / "a.png").touch()

    assert [f"{tmp_path}/film", f"{tmp_path}/a.png"] == named([tmp_path / "film", tmp_path, tmp_path / "film"])


def test_what_cannot_be_read_stays_in_the_list_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    films = find(tmp_path, tmp_path / "gone.png", "a\0b").films

    assert [film.problem for film in films[:3]] == [
        None,
        "No such file or directory",
        "Expected a file. Received a device, a pipe or a socket.",
    ]
    assert [f"{tmp_path}/gone.png", "a\0b"] == [film.path for film in films[3:]]
    assert all(film.problem for film in films[3:])


def test_a_name_that_a_spreadsheet_would_run_is_written_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "=1+1.png").touch()

    assert named(["=1+1.png"]) == ["./=1+1.png"]


@pytest.mark.parametrize("arguments", [["/nowhere/at/all"], [""], ["a\0b", "/dev/null/a.png"]])
def test_naming_nothing_is_an_error(arguments: list[str]) -> None:
    with pytest.raises(NothingNamed, match="Expected"):
        named(arguments)


def test_a_folder_without_films_is_an_error_that_counts_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    with pytest.raises(NothingNamed, match=r"\.jpg, \.jpeg, \.png, \.dcm.*Passed over: 1 \.csv"):
        named([tmp_path])


@pytest.mark.parametrize(("count", "printed"), [(2, "0, 1"), (3, "0, 1, 2"), (5, "0, 1, 2 and 2 more")])
def test_of_many_films_the_first_three_are_named(count: int, printed: str) -> None:
    assert join_some([str(number) for number in range(count)]) == printed


def test_undecodable_bytes_are_shown_and_valid_text_is_left_alone() -> None:
    assert printable("é" + os.fsdecode(b"\xe9") + "☃") == "é\\xe9☃"


DEEP = "d" * 15
LOOPS = "Too many levels of symbolic links"


@pytest.mark.parametrize("ending", ["", ".png", ".txt"])
def test_a_link_that_leads_nowhere_is_one_row_with_its_reason(tmp_path: Path, ending: str) -> None:
    """So is a link to itself, or a circle of them."""
    (tmp_path / f"a{ending}").symlink_to(f"a{ending}")
    (tmp_path / f"b{ending}").symlink_to(f"c{ending}")
    (tmp_path / f"c{ending}").symlink_to(f"b{ending}")
    (tmp_path / f"d{ending}").symlink_to("nowhere")
    (tmp_path / f"e{ending}").symlink_to("n" * 300)
    (tmp_path / "z.png").touch()

    reasons = [LOOPS, LOOPS, LOOPS, "No such file or directory", "File name too long", None]
    assert [film.problem for film in find(tmp_path).films] == reasons
    assert [film.problem for film in find(tmp_path / f"a{ending}").films] == [LOOPS]


def test_what_cannot_be_looked_at_may_exist(tmp_path: Path) -> None:
    """Named alone, it is a row and no wrong call."""
    (tmp_path / "loop").symlink_to("loop")
    named = find(tmp_path / ("n" * 300), tmp_path / "loop/film.png").films
    assert [film.problem for film in named] == ["File name too long", LOOPS]


def test_what_may_not_be_entered_is_one_row_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins for system calls raise the errors, because root may enter everything."""
    for name in ("a/film.png", "b/film.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("a/film.png")
    (tmp_path / "letter").touch()

    def refuse(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str, *rest: Any) -> Any:
            if os.fspath(path).startswith((f"{tmp_path}/a", f"{tmp_path}/link", f"{tmp_path}/letter")):
                raise PermissionError(13, "Permission denied")
            return original(path, *rest)

        return call

    for name in ("scandir", "stat", "open"):
        monkeypatch.setattr(f"os.{name}", refuse(getattr(os, name)))

    printed = {os.path.relpath(film.path, tmp_path): film.problem for film in find(tmp_path).films}
    denied = "Permission denied"
    assert printed == {"a": denied, "b/film.png": None, "c.png": None, "letter": denied, "link": denied}


def test_a_folder_whose_listing_breaks_off_keeps_what_was_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is a row."""
    (tmp_path / "a.png").touch()
    original = os.scandir

    class Broken:
        def __init__(self, folder: str) -> None:
            self.listing = original(folder)

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None:
            self.listing.close()

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            yield from self.listing
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.scandir", Broken)
    assert [(film.path, film.problem) for film in find(tmp_path).films] == [
        (str(tmp_path), "Input/output error"),
        (f"{tmp_path}/a.png", None),
    ]


def test_a_folder_that_vanishes_on_the_way_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/film.png").touch()
    original = os.scandir

    def scandir(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder == str(tmp_path / "a"):
            (tmp_path / "a").rmdir()
        return original(folder)

    monkeypatch.setattr("os.scandir", scandir)
    assert [film.problem for film in find(tmp_path).films] == ["No such file or directory", None]


@pytest.fixture
def deep_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """300 nested folders, a film in number 200; the last paths are too long for the system."""
    monkeypatch.chdir(tmp_path)
    for depth in range(300):
        if depth == 200:
            os.close(os.open("film.png", os.O_CREAT))
        os.mkdir(DEEP)  # noqa: PTH102
        os.chdir(DEEP)
    yield tmp_path
    for _ in range(300):  # by hand: shutil recurses
        os.chdir("..")
        os.rmdir(DEEP)  # noqa: PTH106
        if os.path.lexists("film.png"):
            os.unlink("film.png")  # noqa: PTH108


def test_folders_are_walked_deeper_than_python_recurses(deep_folder: Path) -> None:
    """A path too long for the system is a row."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        films = find(deep_folder).films
    finally:
        sys.setrecursionlimit(limit)

    assert [film.problem for film in films] == ["File name too long", None]
    assert films[1].path == f"{deep_folder}/{f'{DEEP}/' * 200}film.png"


def test_the_way_out_of_a_link_is_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`link/..` is the folder that holds the link's target."""
    (tmp_path / "far/below").mkdir(parents=True)
    (tmp_path / "far/a.png").touch()
    (tmp_path / "near").mkdir()
    (tmp_path / "near/a.png").touch()
    (tmp_path / "near/link").symlink_to("../far/below")
    monkeypatch.chdir(tmp_path / "near")

    def keys(*arguments: str) -> list[str]:
        return [film.key for film in find(*arguments).films]

    assert keys("link/../a.png", "link/..", "./link/.././a.png") == [f"{tmp_path}/far/a.png"]
    assert keys("../near", "a.png", ".//a.png", "../near/", "..//near//a.png") == [f"{tmp_path}/near/a.png"]
