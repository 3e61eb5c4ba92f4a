"""Journals of format 1, as version 0.1 wrote them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from batch.errors import JournalRefused
from batch.fingerprint import Fingerprint
from batch.journal import Journal
from batch.journal_format import JournalEntry
from batch.results import COLUMNS, Row
from tests.batch.journals import RUN, entries, rows_of


def write_format_1(path: Path, *rows: Row, **header: object) -> None:
    """Write a journal as version 0.1 of the command did."""
    lines = [{"journal": 1, "operating_point": "balanced", "model": "drawn/1", "model_sha256": "ab"} | header]
    lines += [row.as_columns() for row in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_journal_of_format_1_is_read_and_written_anew_as_a_whole(out: Path, path: Path, tmp_path: Path) -> None:
    """A journal of format 1 keeps its rows; its films are known by size and time from then on."""
    film = tmp_path / "film"
    film.write_bytes(b"abc")
    os.utime(film, ns=(0, 10**18))
    write_format_1(path, Row(str(film), http_status=200), Row("/gone", http_status=200))
    os.utime(path, ns=(0, 2 * 10**18))
    with Journal(out, RUN) as journal:
        assert journal.entry(str(film)).fingerprint == Fingerprint(3, 10**18, None)
        journal.append(entries(Row("/new")))
        assert rows_of(journal, "/new") == [Row("/new")]
    with Journal(out, RUN) as journal:
        assert journal.entry(str(film)) == JournalEntry(Row(str(film), http_status=200), Fingerprint(3, 10**18, None))
        assert journal.entry("/gone") == JournalEntry(Row("/gone", http_status=200), None)
        assert rows_of(journal, "/new") == [Row("/new")]
    assert all(len(json.loads(line)) == len(COLUMNS) + 3 for line in path.read_text().splitlines()[1:])


def test_a_film_that_is_newer_than_its_journal_of_format_1_is_not_taken_for_known(
    out: Path, path: Path, tmp_path: Path
) -> None:
    """A film that is newer than its journal of format 1 was put right after its row was written."""
    film = tmp_path / "film"
    film.write_bytes(b"abc")
    write_format_1(path, Row(str(film), http_status=200))
    os.utime(path, ns=(0, 10**18))
    with Journal(out, RUN) as journal:
        assert journal.entry(str(film)) == JournalEntry(Row(str(film), http_status=200), None)
        journal.prepare()
    with Journal(out, RUN) as journal:
        assert journal.entry(str(film)).fingerprint is None


@pytest.mark.parametrize("refusal", ["another model", "films not named", "relative", "not written"])
def test_a_refused_start_leaves_a_journal_of_format_1_to_the_older_command(out: Path, path: Path, refusal: str) -> None:
    """A refused start leaves a journal of format 1 as it is, its torn end included."""
    write_format_1(path, Row("/a", http_status=200))
    with path.open("ab") as file:
        file.write(b'{"path": "torn')
    before = path.read_bytes()
    run = {"another model": replace(RUN, model="x/2"), "relative": replace(RUN, relative=True)}.get(refusal, RUN)

    def start() -> None:
        with Journal(out, run) as journal:
            journal.check_films(["/b"] if refusal == "films not named" else ["/a"])

    if refusal == "not written":
        start()
    else:
        with pytest.raises(JournalRefused):
            start()
    assert path.read_bytes() == before


def test_a_replacement_that_breaks_off_leaves_the_old_journal(
    out: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What writes a journal anew and breaks off leaves the old one, and nothing beside it."""
    write_format_1(path, Row("/a", http_status=200), Row("/b", http_status=200))
    before = path.read_bytes()
    with Journal(out, RUN) as journal:
        monkeypatch.setattr("batch.journal_format.JournalEntry.encode", lambda entry, key: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            journal.prepare()
    assert path.read_bytes() == before
    assert [path] == list(path.parent.iterdir())
