"""Which films a call names."""

import io
import os
from pathlib import Path

import pytest

from batch.errors import NothingNamed
from batch.paths import find_films, shown


def named(arguments, stdin=b""):
    """Return the paths that a call names."""
    return [film.path for film in find_films([str(argument) for argument in arguments], io.BytesIO(stdin))]


def test_a_folder_is_walked_sorted_by_ending_without_hidden_files(tmp_path):
    """A folder is walked sorted by ending without hidden files."""
    for name in ("b.PNG", "a/z.dcm", "a/y.JPG", "c.txt", ".hidden.png", ".git/a.png", "d.jpeg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()

    assert [f"{tmp_path}/{name}" for name in ("a/y.JPG", "a/z.dcm", "b.PNG", "d.jpeg")] == named([tmp_path])


def test_a_loop_of_links_ends(tmp_path):
    """A loop of links ends."""
    (tmp_path / "a.png").touch()
    (tmp_path / "loop").symlink_to(tmp_path)

    assert [f"{tmp_path}/a.png"] == named([tmp_path])


def test_a_file_that_was_named_is_taken_whatever_its_ending_and_once(tmp_path):
    """A file that was named is taken whatever its ending and once."""
    (tmp_path / "film").touch()
    (tmp_path / "a.png").touch()

    assert [f"{tmp_path}/film", f"{tmp_path}/a.png"] == named([tmp_path / "film", tmp_path, tmp_path / "film"])


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\0"])
def test_standard_input_gives_paths_by_line_or_nul(tmp_path, separator):
    """Standard input gives paths by line or nul."""
    names = [f"{tmp_path}/a.png", f"{tmp_path}/b"]
    for name in names:
        Path(name).touch()

    assert names == named(["-"], separator.join(name.encode() for name in names) + separator)


def test_what_cannot_be_read_stays_in_the_list_with_its_reason(tmp_path):
    """What cannot be read stays in the list with its reason."""
    (tmp_path / "a.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere")
    films = find_films([str(tmp_path), str(tmp_path / "gone.png"), "a\0b"], io.BytesIO())

    assert [film.problem for film in films[:3]] == [
        None,
        "No such file or directory",
        "Expected a file. Received a device, a pipe or a socket.",
    ]
    assert [f"{tmp_path}/gone.png", "a\0b"] == [film.path for film in films[3:]]
    assert all(film.problem for film in films[3:])


def test_a_name_that_a_spreadsheet_would_run_is_written_as_a_path(tmp_path, monkeypatch):
    """A name that a spreadsheet would run is written as a path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "=1+1.png").touch()

    assert named(["=1+1.png"]) == ["./=1+1.png"]


@pytest.mark.parametrize("arguments", [["/nowhere/at/all"], ["-"]])
def test_naming_nothing_is_an_error(arguments):
    """Naming nothing is an error."""
    with pytest.raises(NothingNamed, match="Expected"):
        named(arguments)


def test_a_folder_without_films_is_an_error(tmp_path):
    """A folder without films is an error."""
    with pytest.raises(NothingNamed, match=r"\.jpg, \.jpeg, \.png, \.dcm"):
        named([tmp_path])


def test_undecodable_bytes_are_shown_and_valid_text_is_left_alone():
    """Undecodable bytes are shown and valid text is left alone."""
    assert shown("é" + os.fsdecode(b"\xe9") + "☃") == "é\\xe9☃"
