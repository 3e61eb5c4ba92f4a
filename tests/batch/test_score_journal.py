"""The journal from which a killed run resumes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from batch.errors import JournalRefused
from batch.journal import Journal
from batch.journal_format import JournalEntry
from batch.journal_keys import JournalKeys
from batch.results import COLUMNS, Row
from tests.batch.journals import RUN, SEEN, entries, rows_of


def test_rows_survive_closing_and_the_last_one_of_a_film_counts(out: Path) -> None:
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a", error="connection-lost"), Row("/b", probability=0.5, warnings=["x"])))
        journal.append(entries(Row("/a", probability=0.25)))
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/c\udcff\n")))
        rows = rows_of(journal, "/a", "/b", "/c\udcff\n", "/d")

    expected = [Row("/a", probability=0.25), Row("/b", probability=0.5, warnings=["x"]), Row("/c\udcff\n"), None]
    assert rows == expected


def test_a_line_holds_the_row_and_what_the_film_was(out: Path, path: Path) -> None:
    """After the row, size, time and hash of the bytes."""
    with Journal(out, RUN) as journal:
        journal.append([JournalEntry(Row("/a"), SEEN), JournalEntry(Row("/b"))])
    header, first, second = map(json.loads, path.read_text().splitlines())

    assert header == {
        "journal": 2,
        "operating_point": "balanced",
        "model": "drawn/1",
        "model_sha256": "ab",
        "relative": False,
        "prevalence": None,
        "gate": None,
        "results": [],
    }
    assert [*COLUMNS, "size", "mtime_ns", "sha256"] == list(first)
    assert (first["size"], first["mtime_ns"], first["sha256"]) == (3, 1_700_000_000_123_456_789, "cd")
    assert [second["size"], second["mtime_ns"], second["sha256"]] == [None] * 3
    with Journal(out, RUN) as journal:
        assert [journal.entry("/a").fingerprint, journal.entry("/b").fingerprint] == [SEEN, None]


def test_a_torn_end_is_cut_off_wherever_it_was_torn(out: Path, path: Path) -> None:
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a"), Row("/b")))
    whole = path.read_bytes()
    first_two = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with Journal(out, RUN) as journal:
            kept = journal.entry("/a") is not None
            journal.append(entries(Row("/z")))
            assert rows_of(journal, "/z") == [Row("/z")]
        with Journal(out, RUN) as journal:
            rows = rows_of(journal, "/a", "/z", "/b")
        assert rows == [Row("/a") if length >= first_two else None, Row("/z"), None]
        assert kept == (length >= first_two)
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_zeros_that_a_power_cut_left_say_nothing(out: Path, path: Path) -> None:
    """And hide nothing after them."""
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a")))
    with path.open("ab") as file:
        file.write(bytes(100) + b"\n" + bytes(10))
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/b")))
    with Journal(out, RUN) as journal:
        assert len(journal) == 2
        assert rows_of(journal, "/a", "/b") == [Row("/a"), Row("/b")]


@pytest.mark.parametrize("change", [{"operating_point": "half"}, {"model_sha256": "cd"}, {"model": "drawn/2"}])
def test_another_run_is_refused_and_restart_begins_anew(out: Path, path: Path, change: dict[str, str]) -> None:
    """The refusal changes nothing."""
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a")))
    with path.open("ab") as file:
        file.write(b"torn")
    before = path.read_bytes()
    other = replace(RUN, **change)
    with pytest.raises(JournalRefused, match="--restart"):
        Journal(out, other)
    assert path.read_bytes() == before
    with Journal(out, other, restart=True) as journal:
        assert len(journal) == 0
        assert path.read_bytes() == before
        journal.prepare()
    with Journal(out, other) as journal:
        assert len(journal) == 0


@pytest.mark.parametrize("finished", [False, True])
def test_a_second_process_is_refused(out: Path, finished: bool) -> None:
    with Journal(out, RUN) as journal:
        journal.prepare()
        if finished:
            journal.finish()
        with pytest.raises(JournalRefused, match="Another process"):
            Journal(out, RUN)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("name", ["r.csv.journal", "r.csv.films"])
def test_another_kind_of_file_is_left_alone(out: Path, name: str, restart: bool) -> None:
    out.with_name(name).write_text("my diary")
    with pytest.raises(JournalRefused, match="no journal"):
        Journal(out, RUN, restart=restart)
    assert out.with_name(name).read_text() == "my diary"


def test_a_damaged_first_line_loses_no_rows(out: Path, path: Path) -> None:
    """The journal is refused as it is."""
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a")))
    damaged = path.read_bytes().replace(b'"balanced"', b'"bal')
    path.write_bytes(damaged)
    with pytest.raises(JournalRefused, match="damaged"):
        Journal(out, RUN)
    assert path.read_bytes() == damaged


def test_a_newer_format_is_refused_untouched(out: Path, path: Path) -> None:
    path.write_text('{"journal": 3, "operating_point": "balanced"}\n{"path": "/a"}\ntorn')
    before = path.read_bytes()
    with pytest.raises(JournalRefused, match="format 3, this version knows up to 2"):
        Journal(out, RUN)
    assert path.read_bytes() == before


def test_rows_can_be_read_between_appends(out: Path) -> None:
    with Journal(out, RUN) as journal:
        for number in range(60):
            journal.append(entries(Row(f"/{number}", error_detail="x" * 50 * number)))
            for film in (number, number // 2):
                assert rows_of(journal, f"/{film}") == [Row(f"/{film}", error_detail="x" * 50 * film)]


def test_a_closed_journal_is_free_though_a_forked_child_has_a_copy(out: Path, path: Path) -> None:
    """A child holds the same lock until it ends or starts another program."""
    with Journal(out, RUN) as journal:
        journal.prepare()
        (descriptor,) = (link for link in Path("/proc/self/fd").iterdir() if link.resolve() == path)
        copy = os.dup(int(descriptor.name))
    try:
        with Journal(out, RUN) as journal:
            assert len(journal) == 0
    finally:
        os.close(copy)


def test_a_journal_that_was_opened_and_not_written_leaves_no_file(out: Path, path: Path) -> None:
    """As by a start that is refused later."""
    with Journal(out, RUN):
        assert path.exists()
    assert not path.exists()


def test_films_that_failed_may_go_unnamed_and_answers_may_not(out: Path, path: Path) -> None:
    """Such failures are forgotten."""
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a", http_status=200), Row("/b", error="unreadable-file")))
    with Journal(out, RUN) as journal:
        with pytest.raises(JournalRefused, match=r"holds 2 films .* answers of 1 among them: /a\."):
            journal.check_films(["/c"])
        assert journal.check_films(["/a", "/c"]) == 1
        assert rows_of(journal, "/b") == [None]
        journal.prepare()
    assert "/b" not in path.read_text()


def test_what_is_new_since_the_start_is_known(out: Path) -> None:
    with Journal(out, RUN) as journal:
        journal.append(entries(Row("/a"), Row("/b")))
    with Journal(out, RUN) as journal:
        journal.prepare()
        journal.append(entries(Row("/b"), Row("/c")))
        assert [journal.has_new(film) for film in ("/a", "/b", "/c", "/d")] == [False, True, True, False]


def test_a_result_is_known_by_its_bytes(out: Path) -> None:
    """Or by size and time; another one is refused."""
    out.write_text("first")
    with Journal(out, RUN, restart=True) as journal:
        journal.prepare()  # restart may replace it; so may the next start
    with Journal(out, RUN) as journal:
        journal.check_result()
        os.utime(out, ns=(0, 10**18))
        journal.check_result()
        out.write_text("other")
        with pytest.raises(JournalRefused, match="not as this command left it"):
            journal.check_result()
        out.unlink()
        journal.check_result()


def test_below_a_root_films_are_known_by_where_they_lie_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mount/a").mkdir(parents=True)
    (tmp_path / "link").symlink_to("mount")
    (tmp_path / "mount/into").symlink_to("a")
    keys = JournalKeys(str(tmp_path / "mount"))
    through_link = JournalKeys(str(tmp_path / "link"))

    assert keys(f"{tmp_path}/mount/a/b.png") == keys(f"{tmp_path}/link/a/b.png") == "a/b.png"
    assert through_link(f"{tmp_path}/mount/a/b.png") == "a/b.png"
    assert keys(f"{tmp_path}/mount/into/b.png") == "into/b.png"
    assert JournalKeys("/")("/a/b.png") == "a/b.png"
    monkeypatch.chdir(tmp_path)
    assert JournalKeys("mount/")(f"{tmp_path}/mount/b.png") == "b.png"
