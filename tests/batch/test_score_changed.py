"""What a second start does about films that changed, were put right, joined or went away."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.batch.calls import Start, answers, known, refuse
from tests.batch.stand_in import StandIn


def test_films_that_were_put_right_between_two_starts_have_new_rows(
    start: Start, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replaced film and a mended link are sent by the same command, whether the result was finished or not."""
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("/nowhere")
    assert start() == (1, ["negative a", "negative c"])
    assert answers(out) == {"a.png": "NORMAL", "b.png": "unreadable-file", "c.png": "NORMAL"}
    (folder / "a.png").write_bytes(b"positive a")
    (folder / "b.png").unlink()
    (folder / "b.png").write_bytes(b"positive b")

    assert start() == (0, ["positive a", "positive b"])
    assert answers(out) == {"a.png": "PNEUMONIA", "b.png": "PNEUMONIA", "c.png": "NORMAL"}
    assert "1 of 3 films changed since an earlier start, and were sent again." in capsys.readouterr().out
    (folder / "c.png").write_bytes(b"positive c, finished before")
    assert start() == (0, ["positive c, finished before"])
    assert set(answers(out).values()) == {"PNEUMONIA"}
    assert sorted(path.name for path in out.parent.glob("r.csv*")) == ["r.csv", "r.csv.films"]


def test_a_film_that_was_refused_is_sent_again_once_it_is_exported_anew(
    start: Start, service: StandIn, folder: Path, out: Path
) -> None:
    """A truncated film keeps its row until it is exported anew; where only such failures are left, the start goes."""
    refuse(service, b"negative a")
    assert start() == (1, ["negative a", "negative b", "negative c"])
    assert start() == (1, [])
    (folder / "a.png").write_bytes(b"negative a, whole")
    assert start() == (0, ["negative a, whole"])
    assert answers(out)["a.png"] == "NORMAL"


def test_where_nothing_changed_the_result_stays_as_it_is(
    start: Start, service: StandIn, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing changed the result stays as it is, the status too, and it is said."""
    refuse(service, b"negative a")
    assert start()[0] == 1
    before = out.read_bytes(), out.stat().st_mtime_ns, known(out)
    assert start() == (1, [])
    printed = capsys.readouterr().out

    assert before == (out.read_bytes(), out.stat().st_mtime_ns, known(out))
    assert "Nothing changed." in printed
    assert printed.count("2 films scored, 1 failed.") == 2
    assert printed.count("films/s") == 1


def test_size_and_time_are_looked_at_first_and_then_the_bytes(
    start: Start, folder: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same size and time is not read; else the hash decides, and a new time is remembered."""
    start()
    times = {name: (folder / name).stat().st_mtime_ns for name in ("a.png", "b.png", "c.png")}
    (folder / "a.png").write_bytes(b"positive a")
    os.utime(folder / "a.png", ns=(0, times["a.png"]))  # as `cp -p` leaves it: counts as the same
    (folder / "b.png").write_bytes(b"positive b")
    os.utime(folder / "b.png", ns=(0, times["b.png"] - 1))
    os.utime(folder / "c.png", ns=(0, 5))

    assert start() == (0, ["positive b"])
    assert "1 of 3 films have another time but the same bytes, and were not sent." in capsys.readouterr().out
    assert answers(out) == {"a.png": "NORMAL", "b.png": "PNEUMONIA", "c.png": "NORMAL"}
    assert known(out)["c.png"]["mtime_ns"] == 5
    monkeypatch.setattr("batch.workers.read_film", None)
    assert start() == (0, [])


def test_failed_films_of_a_finished_result_are_sent_again_on_demand(
    start: Start, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failed films of a finished result are sent again on demand, and new ones join it."""
    service.plan[b"negative a"] = [(422, "unsuitable-image")]
    refuse(service, b"negative b")
    assert start()[0] == 1
    (folder / "aa.png").write_bytes(b"positive new")

    assert start(retry_failed=True) == (1, ["negative a", "negative b", "positive new"])
    assert list(answers(out).items()) == [
        ("a.png", "NORMAL"),
        ("aa.png", "PNEUMONIA"),
        ("b.png", "undecodable-image"),
        ("c.png", "NORMAL"),
    ]
    assert "changed since" not in capsys.readouterr().out
    assert start() == (1, [])


def test_a_film_that_was_answered_and_is_not_named_now_ends_the_start(
    start: Start, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film that was answered and is not named now ends the start, and nothing is lost."""
    start()
    before = out.read_bytes(), known(out)
    (folder / "b.png").unlink()

    assert start() == (2, [])
    printed = capsys.readouterr().err
    assert "holds 1 films that are not named now" in printed
    assert f"{folder}/b.png" in printed
    assert before == (out.read_bytes(), known(out))


def test_a_film_that_failed_and_is_not_named_now_is_left_out(
    start: Start, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film that failed and is not named now is left out of the result, and it is said."""
    refuse(service, b"negative b")
    (folder / "dead.png").symlink_to("/nowhere")
    assert start()[0] == 1
    (folder / "dead.png").unlink()
    assert start() == (1, [])
    (folder / "b.png").unlink()
    assert start() == (0, [])
    assert capsys.readouterr().err.count("1 films that had failed are not named now") == 2
    assert answers(out) == dict.fromkeys(("a.png", "c.png"), "NORMAL")
    assert set(known(out)) == {"a.png", "c.png"}
    assert start() == (0, [])
    assert "not named now" not in capsys.readouterr().err


def test_an_answered_film_that_cannot_be_looked_at_keeps_its_row(start: Start, folder: Path, out: Path) -> None:
    """An answered film that cannot be looked at now keeps its row; it is sent again once it is there and another."""
    start()
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("/nowhere")
    assert start() == (0, [])
    assert answers(out)["b.png"] == "NORMAL"
    (folder / "b.png").unlink()
    (folder / "b.png").write_bytes(b"positive b")
    assert start() == (0, ["positive b"])


def test_a_film_that_became_a_pipe_is_not_waited_for(start: Start, folder: Path, out: Path) -> None:
    """What is no file any more has another size and time, and is a row that says so."""
    start()
    (folder / "b.png").unlink()
    os.mkfifo(folder / "b.png")
    assert start() == (1, [])
    assert answers(out)["b.png"] == "unreadable-file"


def test_a_changed_film_that_was_not_reached_does_not_keep_its_old_answer(
    start: Start, service: StandIn, folder: Path, out: Path
) -> None:
    """A film that changed, and was not reached before the service went away, has a row that says so."""
    start()
    port = service.port
    (folder / "a.png").write_bytes(b"positive a")
    (folder / "b.png").write_bytes(b"positive b")

    def go_away(film: bytes) -> str:
        service.stop()
        return "drop"

    goes_on, service.on_film = service.on_film, go_away
    assert start(concurrency=1)[0] == 1
    printed = answers(out)
    assert printed["c.png"] == "NORMAL"
    assert printed["b.png"] == "not-sent"
    assert printed["a.png"] != "NORMAL"
    assert out.with_name("r.csv.journal").exists()
    service.on_film = goes_on
    service.start(port)
    assert start() == (0, ["positive a", "positive b"])
    assert answers(out) == {"a.png": "PNEUMONIA", "b.png": "PNEUMONIA", "c.png": "NORMAL"}


def test_a_film_that_is_being_written_is_not_sent(
    start: Start, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film that is being written is not sent, and is tried again at the next start."""
    fstat = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        with (folder / "b.png").open("ab") as file:
            file.write(b".")
        return fstat(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr("batch.fingerprint.os.fstat", growing)
        assert start(folder / "b.png")[1] == []
    assert answers(out) == {"b.png": "unreadable-file"}
    status, sent = start(folder / "b.png")
    assert (status, len(sent)) == (0, 1)


def test_only_what_was_sent_is_counted_as_sent(
    start: Start, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what was sent is counted as sent; what could not be read has a line of its own, and its share of the CPU."""
    for number in range(50):
        (folder / f"dead{number}.png").symlink_to("/nowhere")
    monkeypatch.setattr("time.process_time", iter([0.0, 5.3]).__next__)
    assert start()[0] == 1
    printed = capsys.readouterr().out
    assert "\n3 sent in " in printed
    assert " 100.00 ms of this command's own CPU time a film.\n" in printed
    assert "\n50 of 53 films could not be read, and were not sent.\n" in printed
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").unlink()
    monkeypatch.undo()
    assert start(out=folder.with_name("dead.csv"))[0] == 1
    assert "films/s" not in capsys.readouterr().out


def test_a_changed_film_has_one_share_of_the_cpu_time(
    start: Start, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    (folder / "a.png").write_bytes(b"positive a")
    monkeypatch.setattr("time.process_time", iter([0.0, 0.5]).__next__)
    assert start() == (0, ["positive a"])
    assert " 500.00 ms of this command's own CPU time a film.\n" in capsys.readouterr().out


def test_the_journal_does_not_grow_by_starts_that_change_nothing(start: Start, folder: Path, out: Path) -> None:
    """Films that fail again and again stand in the journal once when their result is written."""
    (folder / "dead.png").symlink_to("/nowhere")
    for name in ("d", "e", "f"):
        (folder / f"{name}.png").write_bytes(b"negative " + name.encode())
        assert start()[0] == 1
    lines = out.with_name("r.csv.journal").read_text().splitlines()[1:]
    assert Counter(json.loads(line)["path"] for line in lines).most_common(1)[0][1] == 1
