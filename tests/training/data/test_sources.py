"""Films of several sources are read and split so that no patient and no copy stands on both sides."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from app.imaging.preprocess import ResizeRule
from tests.conftest import encode, film_pixels
from tests.training.drawn_sources import HEADER, draw, write_film, write_sources
from training.data.films import SOURCE_SIDE, Films, read_film_files
from training.data.source_table import SourceRow
from training.data.sources import SourceFilms, Sources, is_held, read_sources, split_by_hash

QUIET = Console(quiet=True)


def read(table: Path, folder: tuple[Films, ...] = (), console: Console = QUIET) -> Sources:
    """Read the films of a table; a quarter of the patients is for validation."""
    return read_sources(table, folder=folder, proportion=0.25, console=console)


def make(pixels: list[int], patients: list[str], validation: tuple[int, ...] = ()) -> SourceFilms:
    """Return flat films of these gray levels."""
    films = np.stack([np.full((8, 8), gray, np.uint8) for gray in pixels])
    numbers = tuple(map(str, range(len(pixels))))
    rows = tuple(
        SourceRow(path, 0, "s", patient, is_validation=int(path) in validation)
        for path, patient in zip(numbers, patients, strict=True)
    )
    labels = np.zeros(len(pixels), np.uint8)
    return SourceFilms(Films(numbers, films, labels, numbers, np.zeros((len(pixels), 3), np.int64)), rows)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen patients of each class, with a whole film and its lungs each."""
    return write_sources(tmp_path_factory.mktemp("sources"), 16)


def test_films_are_read_with_their_rows(table: Path) -> None:
    """As the service reads them, at SOURCE_SIDE; the class is the row's."""
    found = read(table)
    for part in (found.training, found.validation):
        assert part.films.pixels.shape == (len(part), SOURCE_SIDE, SOURCE_SIDE)
        assert [row.path for row in part.rows] == list(part.films.paths)
        assert [row.label for row in part.rows] == part.films.labels.tolist()
        for number in (0, len(part) - 1):
            row = part.rows[number]
            label, seed = row.label, 100 + int(row.patient.split("-")[1])
            np.testing.assert_array_equal(part.films.pixels[number], draw(label, seed, row.form))


def test_a_large_jpeg_that_copies_a_film_of_the_folder_is_left_out(tmp_path: Path) -> None:
    """Both are read by one rule: decoded at different scales they would differ."""
    data = encode(film_pixels(1, 1300, 1400))
    films = tmp_path / "folder" / "NORMAL"
    films.mkdir(parents=True)
    (films / "a.jpeg").write_bytes(data)
    (tmp_path / "copy.jpeg").write_bytes(data)
    (tmp_path / "other.jpeg").write_bytes(encode(film_pixels(2, 1300, 1400)))
    lines = [HEADER, "copy.jpeg,NORMAL,s,,adult,,whole,,", "other.jpeg,PNEUMONIA,s,,adult,,whole,,"]
    (tmp_path / "sources.csv").write_text("\n".join(lines))
    rule: ResizeRule = "scaled-jpeg-squeeze-inter-area"
    side = {"width": SOURCE_SIDE, "height": SOURCE_SIDE}
    folder = read_film_files(tmp_path / "folder", ("NORMAL/a.jpeg",), **side, rule=rule)
    found = read_sources(tmp_path / "sources.csv", folder=[folder], proportion=0.25, rule=rule, console=QUIET)
    assert [*found.training.films.paths, *found.validation.films.paths] == ["other.jpeg"]


def test_a_patient_stands_on_one_side_in_all_sources(table: Path) -> None:
    """The one that the hash of the name gives."""
    found = read(table)
    first, second = ({row.patient for row in part.rows} for part in (found.training, found.validation))
    assert second == {patient for patient in first | second if is_held(patient, 0.25)}
    assert not first & second
    assert 2 * len(first) == len(found.training)
    assert 2 * len(second) == len(found.validation)
    assert second


def test_the_record_counts_each_source_by_class_and_role(table: Path) -> None:
    """With its terms."""
    found = read(table)
    facts = {source.name: source for source in found.facts.sources}
    assert list(facts) == ["here", "lungs", "there"]
    held = [sum(is_held(f"{name}-{number}", 0.25) for number in range(16)) for name in ("NORMAL", "PNEUMONIA")]
    assert facts["here"].training == {"NORMAL": 16 - held[0], "PNEUMONIA": 0}
    assert facts["lungs"].training == {"NORMAL": 16 - held[0], "PNEUMONIA": 16 - held[1]}
    assert facts["lungs"].validation == {"NORMAL": held[0], "PNEUMONIA": held[1]}
    assert (facts["lungs"].forms, facts["lungs"].populations) == (["lungs"], ["adult"])
    assert facts["there"].licences == {"CC0": 16}
    assert len({source.fingerprint for source in facts.values()}) == 3
    assert found.facts.validation_proportion == 0.25


@pytest.mark.parametrize("proportion", [0.1, 0.5])
def test_the_hash_holds_a_proportion_of_the_patients(proportion: float) -> None:
    """Whoever is held out at a proportion is so at every larger one."""
    held = [number for number in range(2000) if is_held(f"patient {number}", proportion)]
    assert len(held) / 2000 == pytest.approx(proportion, abs=0.03)
    assert all(is_held(f"patient {number}", proportion + 0.1) for number in held)


def test_the_hash_holds_the_same_patients_for_ever() -> None:
    """At the bound: remainders of 24 and 25 in a hundred."""
    assert (is_held("patient 73", 0.25), is_held("patient 5", 0.25)) == (True, False)


def sides(films: SourceFilms, proportion: float = 0.5) -> NDArray[np.bool_]:
    """Return which films are for validation."""
    return split_by_hash(films, proportion)[0]


def test_copies_and_their_patients_stand_on_one_side() -> None:
    """Films 1 and 2 are copies: all films of both patients are on the side of the first name."""
    names = [f"p{number}" for number in range(40)]
    inside, outside = (next(n for n in names if is_held(n, 0.5) == side) for side in (True, False))
    films = make([1, 2, 2, 3], [inside, inside, outside, outside])
    expected = is_held(min(inside, outside), 0.5)
    is_validation, copies = split_by_hash(films, 0.5)
    assert (is_validation.tolist(), copies) == ([expected] * 4, 1)
    assert sides(make([1, 2, 4, 3], [inside, inside, outside, outside])).tolist() == [True, True, False, False]


def test_the_role_validation_takes_the_whole_patient() -> None:
    """And every copy."""
    films = make([1, 2, 3, 1, 5], ["a", "a", "b", "c", "d"], validation=(1,))
    assert sides(films, 0.0).tolist() == [True, True, False, True, False]


def test_films_without_a_patient_stand_alone() -> None:
    """By their paths: they are not one patient called nothing."""
    assert len(set(sides(make(list(range(40)), [""] * 40)).tolist())) == 2


def test_copies_of_the_folders_films_are_left_out(tmp_path: Path) -> None:
    """Whichever side they are on there."""
    for number in range(3):
        write_film(tmp_path, f"{number}.png", draw(0, number))
    table = tmp_path / "sources.csv"
    table.write_text("\n".join([HEADER, *(f"{n}.png,NORMAL,s,p{n},adult,,whole,," for n in range(3))]))
    of_folder = replace(read(table).training.films, paths=("x",), pixels=draw(0, 1)[np.newaxis])
    found = read(table, (of_folder,))
    paths = {row.path for part in (found.training, found.validation) for row in part.rows}
    assert paths == {"0.png", "2.png"}
    assert found.facts.sources[0].licences == {"unknown": 2}


def test_unreadable_films_are_named_and_left_out(tmp_path: Path) -> None:
    """A file that is none, and one that is no film."""
    table = write_sources(tmp_path, 4)
    (tmp_path / "broken.png").write_bytes(b"no film")
    with table.open("a") as stream:
        stream.write("broken.png,NORMAL,s,p1,adult,,whole,,\nmissing.png,NORMAL,s,p2,adult,,whole,,\n")
    console = Console(record=True, file=io.StringIO(), width=200)
    found = read(table, console=console)
    text = console.export_text()
    assert found.facts.unreadable == 2
    assert len(found.training) + len(found.validation) == 16
    assert "broken.png: Expected the bytes" in text
    assert "missing.png: Expected a file that can be opened. Received: No such file" in text


def test_the_fingerprint_knows_what_the_table_says(table: Path) -> None:
    """A film that changes its class makes other films, and so another run."""
    films = read(table).training
    changed = SourceFilms(films.films, (replace(films.rows[0], label=1 - films.rows[0].label), *films.rows[1:]))
    assert films.fingerprint() != changed.fingerprint()
    assert films.fingerprint() == read(table).training.fingerprint()
