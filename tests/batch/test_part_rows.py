"""Before a part is written for good, films that cannot be read are told from a store that is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from batch.answer import Answer
from batch.errors import StoreFailed
from batch.in_process import score_film
from batch.part_rows import PartRows
from batch.results import Row


@pytest.fixture
def films(tmp_path: Path) -> list[str]:
    """Four films, of which the third is not there."""
    folder = tmp_path / "films"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(4)]
    for path in (*paths[:2], paths[3]):
        path.write_bytes(b"film")
    return list(map(str, paths))


def score(address: str) -> Row:
    """Score a film whose bytes need only be readable."""
    return score_film(address, lambda film: Answer(422))


def errors(rows: list[Row]) -> list[str | None]:
    return [row.error for row in rows]


def test_a_film_that_cannot_be_read_twice_is_a_failed_film(films: list[str]) -> None:
    rows = PartRows(score).finish(list(map(score, films)))
    assert errors(rows) == ["http-422", "http-422", "unreadable-file", "http-422"]


def test_a_film_that_can_be_read_the_second_time_is_scored(films: list[str]) -> None:
    """As after a network was away for a moment."""
    first = list(map(score, films))
    Path(films[2]).write_bytes(b"film")
    assert errors(PartRows(score).finish(first)) == ["http-422"] * 4


def test_films_whose_folder_is_gone_are_no_failed_films(films: list[str]) -> None:
    """A lost mount ends the start, as expired credentials do."""
    rows = PartRows(score)
    rows.finish(list(map(score, films[:2])))
    shutil.rmtree(Path(films[0]).parent)
    with pytest.raises(StoreFailed, match=r"can no longer be read: No such file or directory\. The part is not"):
        rows.finish(list(map(score, films[2:])))


def test_a_store_that_is_gone_ends_the_start_before_films_are_tried_again(films: list[str]) -> None:
    """Each of thousands may take a minute to fail."""
    again: list[str] = []
    first = list(map(score, films))
    shutil.rmtree(Path(films[0]).parent)
    rows = PartRows(lambda address: again.append(address) or score(address))  # type: ignore[func-returns-value]
    with pytest.raises(StoreFailed, match="can no longer be read"):
        rows.finish(first)
    assert again == []


def test_a_part_without_one_readable_film_is_written_where_earlier_films_still_are(films: list[str]) -> None:
    rows = PartRows(score)
    rows.finish(list(map(score, films[:2])))
    assert errors(rows.finish([score(films[2])])) == ["unreadable-file"]


def test_a_first_part_without_one_readable_film_is_written_where_films_of_other_parts_are(films: list[str]) -> None:
    """Else a part whose films were all removed would end every start."""
    rows = PartRows(score, [films[2], films[3]])
    assert errors(rows.finish([score(films[2])])) == ["unreadable-file"]
