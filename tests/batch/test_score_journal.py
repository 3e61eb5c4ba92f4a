"""The journal from which a killed run goes on."""

import os
from dataclasses import replace

import pytest

from batch.errors import JournalRefused
from batch.journal import Journal, Run
from batch.results import Row

RUN = Run("balanced", "drawn/1", "ab")


def test_rows_survive_closing_and_the_last_one_of_a_film_counts(tmp_path):
    """Rows survive closing and the last one of a film counts."""
    with Journal(tmp_path / "j", RUN) as journal:
        journal.append([Row("/a", error="connection-lost"), Row("/b", probability=0.5, warnings=["x"])])
        journal.append([Row("/a", probability=0.25)])
    with Journal(tmp_path / "j", RUN) as journal:
        journal.append([Row("/c\udcff\n")])
        rows = list(journal.rows())

    assert [Row("/a", probability=0.25), Row("/b", probability=0.5, warnings=["x"]), Row("/c\udcff\n")] == rows


def test_a_torn_end_is_cut_off_wherever_it_was_torn(tmp_path):
    """A torn end is cut off wherever it was torn."""
    path = tmp_path / "j"
    with Journal(path, RUN) as journal:
        journal.append([Row("/a"), Row("/b")])
    whole = path.read_bytes()
    first_two = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with Journal(path, RUN) as journal:
            kept = "/a" in journal
            journal.append([Row("/z")])
            assert journal.row("/z") == Row("/z")
        with Journal(path, RUN) as journal:
            assert (length >= first_two, True, False) == (kept, "/z" in journal, "/b" in journal)


def test_zeros_that_a_power_cut_left_are_cut_off(tmp_path):
    """Zeros that a power cut left are cut off."""
    with Journal(tmp_path / "j", RUN) as journal:
        journal.append([Row("/a")])
    with (tmp_path / "j").open("ab") as file:
        file.write(bytes(100) + b"\n" + bytes(10))
    with Journal(tmp_path / "j", RUN) as journal:
        assert [Row("/a")] == list(journal.rows())


@pytest.mark.parametrize("change", [{"operating_point": "half"}, {"model_sha256": "cd"}, {"model": "drawn/2"}])
def test_another_run_is_refused_and_restart_begins_anew(tmp_path, change):
    """Another run is refused and restart begins anew."""
    with Journal(tmp_path / "j", RUN) as journal:
        journal.append([Row("/a")])
    other = replace(RUN, **change)
    with pytest.raises(JournalRefused, match="--restart"):
        Journal(tmp_path / "j", other)
    with Journal(tmp_path / "j", other, restart=True) as journal:
        assert len(journal) == 0


def test_a_second_process_is_refused(tmp_path):
    """A second process is refused."""
    with Journal(tmp_path / "j", RUN), pytest.raises(JournalRefused, match="Another process"):
        Journal(tmp_path / "j", RUN)


def test_another_kind_of_file_is_left_alone(tmp_path):
    """Another kind of file is left alone."""
    (tmp_path / "j").write_text("my diary")
    with pytest.raises(JournalRefused, match="no journal"):
        Journal(tmp_path / "j", RUN)
    assert (tmp_path / "j").read_text() == "my diary"


def test_rows_can_be_read_between_appends(tmp_path):
    """Rows can be read between appends, the newest included."""
    with Journal(tmp_path / "j", RUN) as journal:
        for number in range(300):
            journal.append([Row(f"/{number}")])
            assert journal.row(f"/{number}") == Row(f"/{number}")
            assert journal.row(f"/{number // 2}") == Row(f"/{number // 2}")


def test_a_closed_journal_is_free_though_a_forked_child_has_a_copy(tmp_path):
    """What this process forked meanwhile holds the same lock, until it ends or starts something else."""
    with Journal(tmp_path / "j", RUN) as journal:
        copy = os.dup(journal._file)
    try:
        with Journal(tmp_path / "j", RUN) as journal:
            assert len(journal) == 0
    finally:
        os.close(copy)
