"""What a second start does about films that changed, were put right, joined or went away."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch.client import RetryPolicy
from batch.score import score
from tests.batch.stand_in import StandIn

QUICK = RetryPolicy(attempts=3, patience=1.0, refused=0.3, shortest=0.01, longest=0.05)
Call = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three films."""
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").write_bytes(f"negative {name}".encode())
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The result."""
    return tmp_path / "r.csv"


@pytest.fixture
def call(service: StandIn, folder: Path, out: Path) -> Call:
    """Call `score` on the folder; return the exit status and what was sent."""

    def call(*sources: Path, **options: Any) -> tuple[int, list[str]]:
        before = len(service.received)
        options = {"url": service.url, "out": out, "policy": QUICK} | options
        status = score([str(source) for source in sources or [folder]], **options)
        return status, sorted(film.decode() for film in service.received[before:])

    return call


def answers(out: Path) -> dict[str, str]:
    """Return class or error of every film in a result, by name."""
    with out.open(newline="", encoding="utf-8") as file:
        return {row["path"].rpartition("/")[2]: row["class"] or row["error"] for row in csv.DictReader(file)}


def known(out: Path) -> dict[str, dict[str, Any]]:
    """Return the films of the file beside a finished result, by name."""
    lines = [json.loads(line) for line in out.with_name("r.csv.films").read_text().splitlines()]
    return {line["path"].rpartition("/")[2]: line for line in lines[1:]}


def refuse(service: StandIn, film: Path, slug: str = "undecodable-image") -> None:
    """Let the service refuse a film for what it is, whenever it comes."""
    service.plan[film] = [(422, slug)] * 9


def test_films_that_were_put_right_between_two_starts_have_new_rows(
    call: Call, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A replaced film and a mended link are sent by the same command, whether the result was finished or not."""
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("/nowhere")
    assert call() == (1, ["negative a", "negative c"])
    assert answers(out) == {"a.png": "NORMAL", "b.png": "unreadable-file", "c.png": "NORMAL"}
    (folder / "a.png").write_bytes(b"positive a")
    (folder / "b.png").unlink()
    (folder / "b.png").write_bytes(b"positive b")

    assert call() == (0, ["positive a", "positive b"])
    assert answers(out) == {"a.png": "PNEUMONIA", "b.png": "PNEUMONIA", "c.png": "NORMAL"}
    assert "1 of 3 films changed since an earlier start, and were sent again." in capsys.readouterr().out
    (folder / "c.png").write_bytes(b"positive c, finished before")
    assert call() == (0, ["positive c, finished before"])
    assert set(answers(out).values()) == {"PNEUMONIA"}
    assert sorted(path.name for path in out.parent.glob("r.csv*")) == ["r.csv", "r.csv.films"]


def test_a_film_that_was_refused_is_sent_again_once_it_is_exported_anew(
    call: Call, service: StandIn, folder: Path, out: Path
) -> None:
    """A truncated film keeps its row until it is exported anew; where only such failures are left, the start goes."""
    refuse(service, b"negative a")
    assert call() == (1, ["negative a", "negative b", "negative c"])
    assert call() == (1, [])
    (folder / "a.png").write_bytes(b"negative a, whole")
    assert call() == (0, ["negative a, whole"])
    assert answers(out)["a.png"] == "NORMAL"


def test_where_nothing_changed_the_result_stays_as_it_is(
    call: Call, service: StandIn, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing changed the result stays as it is, the status too, and it is said."""
    refuse(service, b"negative a")
    assert call()[0] == 1
    before = out.read_bytes(), out.stat().st_mtime_ns, known(out)
    assert call() == (1, [])
    printed = capsys.readouterr().out

    assert before == (out.read_bytes(), out.stat().st_mtime_ns, known(out))
    assert "Nothing changed." in printed
    assert printed.count("2 films scored, 1 failed.") == 2
    assert printed.count("films/s") == 1


def test_size_and_time_are_looked_at_first_and_then_the_bytes(
    call: Call, folder: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same size and time is not read; else the hash decides, and a new time is remembered."""
    call()
    times = {name: (folder / name).stat().st_mtime_ns for name in ("a.png", "b.png", "c.png")}
    (folder / "a.png").write_bytes(b"positive a")
    os.utime(folder / "a.png", ns=(0, times["a.png"]))  # as `cp -p` leaves it: counts as the same
    (folder / "b.png").write_bytes(b"positive b")
    os.utime(folder / "b.png", ns=(0, times["b.png"] - 1))
    os.utime(folder / "c.png", ns=(0, 5))

    assert call() == (0, ["positive b"])
    assert "1 of 3 films have another time but the same bytes, and were not sent." in capsys.readouterr().out
    assert answers(out) == {"a.png": "NORMAL", "b.png": "PNEUMONIA", "c.png": "NORMAL"}
    assert known(out)["c.png"]["mtime_ns"] == 5
    monkeypatch.setattr("batch.workers.read_film", None)
    assert call() == (0, [])


def test_failed_films_of_a_finished_result_are_sent_again_on_demand(
    call: Call, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failed films of a finished result are sent again on demand, and new ones join it."""
    service.plan[b"negative a"] = [(422, "unsuitable-image")]
    refuse(service, b"negative b")
    assert call()[0] == 1
    (folder / "aa.png").write_bytes(b"positive new")

    assert call(retry_failed=True) == (1, ["negative a", "negative b", "positive new"])
    assert list(answers(out).items()) == [
        ("a.png", "NORMAL"),
        ("aa.png", "PNEUMONIA"),
        ("b.png", "undecodable-image"),
        ("c.png", "NORMAL"),
    ]
    assert "changed since" not in capsys.readouterr().out
    assert call() == (1, [])


def test_a_film_that_was_answered_and_is_not_named_now_ends_the_start(
    call: Call, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film that was answered and is not named now ends the start, and nothing is lost."""
    call()
    before = out.read_bytes(), known(out)
    (folder / "b.png").unlink()

    assert call() == (2, [])
    printed = capsys.readouterr().err
    assert "holds 1 films that are not named now" in printed
    assert f"{folder}/b.png" in printed
    assert before == (out.read_bytes(), known(out))


def test_a_film_that_failed_and_is_not_named_now_is_left_out(
    call: Call, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A film that failed and is not named now is left out of the result, and it is said."""
    refuse(service, b"negative b")
    (folder / "dead.png").symlink_to("/nowhere")
    assert call()[0] == 1
    (folder / "dead.png").unlink()
    assert call() == (1, [])
    (folder / "b.png").unlink()
    assert call() == (0, [])
    assert capsys.readouterr().err.count("1 films that had failed are not named now") == 2
    assert answers(out) == dict.fromkeys(("a.png", "c.png"), "NORMAL")
    assert set(known(out)) == {"a.png", "c.png"}
    assert call() == (0, [])
    assert "not named now" not in capsys.readouterr().err


def test_an_answered_film_that_cannot_be_looked_at_keeps_its_row(call: Call, folder: Path, out: Path) -> None:
    """An answered film that cannot be looked at now keeps its row; it is sent again once it is there and another."""
    call()
    (folder / "b.png").unlink()
    (folder / "b.png").symlink_to("/nowhere")
    assert call() == (0, [])
    assert answers(out)["b.png"] == "NORMAL"
    (folder / "b.png").unlink()
    (folder / "b.png").write_bytes(b"positive b")
    assert call() == (0, ["positive b"])


def test_a_film_that_became_a_pipe_is_not_waited_for(call: Call, folder: Path, out: Path) -> None:
    """What is no file any more has another size and time, and is a row that says so."""
    call()
    (folder / "b.png").unlink()
    os.mkfifo(folder / "b.png")
    assert call() == (1, [])
    assert answers(out)["b.png"] == "unreadable-file"


def test_a_result_that_was_deleted_is_written_anew_without_sending(
    call: Call, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result that was deleted is written anew without sending anything, and it is said."""
    call()
    before = out.read_bytes()
    out.unlink()
    assert call() == (0, [])
    assert out.read_bytes() == before
    assert "r.csv is not there: it is written anew from r.csv.films." in capsys.readouterr().err


def test_a_result_that_was_edited_is_not_replaced(
    call: Call, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result that was edited by hand is replaced on demand only; moved away, it is written anew."""
    call()
    edited = out.read_text() + "a note\n"
    out.write_text(edited)
    (folder / "d.png").write_bytes(b"negative d")

    assert call() == (2, [])
    assert "not as this command left it. Move it away" in capsys.readouterr().err
    assert out.read_text() == edited
    out.rename(out.with_name("mine.csv"))
    assert call() == (0, ["negative d"])
    assert len(answers(out)) == 4


def test_a_result_that_was_copied_elsewhere_with_its_films_goes_on(
    call: Call, folder: Path, tmp_path: Path, out: Path
) -> None:
    """A result that was copied elsewhere, with the file beside it, goes on there whatever its time is."""
    call()
    other = tmp_path / "other"
    other.mkdir()
    for name in ("r.csv", "r.csv.films"):
        (other / name).write_bytes((tmp_path / name).read_bytes())
    os.utime(other / "r.csv", ns=(0, 10**18))
    (folder / "d.png").write_bytes(b"negative d")
    assert call(out=other / "r.csv") == (0, ["negative d"])


@pytest.mark.parametrize("restart", [False, True])
def test_a_result_without_its_films_is_replaced_on_demand_only(
    call: Call, out: Path, capsys: pytest.CaptureFixture[str], restart: bool
) -> None:
    """A result without the file beside it, as version 0.1 left it, is replaced on demand only."""
    call()
    out.with_name("r.csv.films").unlink()
    before = out.read_bytes()
    if restart:
        assert call(restart=True)[0] == 0
        assert call() == (0, [])
        return
    assert call() == (2, [])
    printed = capsys.readouterr().err
    assert "is there without r.csv.films" in printed
    assert "--restart" in printed
    assert out.read_bytes() == before
    assert [out] == list(out.parent.glob("r.csv*"))


def test_a_finished_result_holds_one_models_answers(
    call: Call, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New films do not join a finished result once the service has another model."""
    call()
    before = out.read_bytes(), known(out)
    service.sha256 = "cd" * 32
    (folder / "d.png").write_bytes(b"negative d")
    assert call() == (2, [])
    assert "was begun with model_sha256" in capsys.readouterr().err
    assert before == (out.read_bytes(), known(out))


def test_a_journal_of_version_0_1_goes_on(call: Call, service: StandIn, folder: Path, out: Path) -> None:
    """A run that version 0.1 began goes on: films as old as their rows are done, a newer one is sent again."""
    films = [str(folder / name) for name in ("a.png", "b.png", "gone.png")]
    columns = ("class", "probability", "refer", "operating_point", "threshold", "warnings", "model", "model_sha256")
    values = ("NORMAL", 0.1, False, "balanced", 0.41, [], "drawn/1", service.sha256)
    journal = out.with_name("r.csv.journal")
    head = {"journal": 1, "operating_point": "balanced", "model": "drawn/1", "model_sha256": service.sha256}
    lines = [head]
    for film in films:
        row = {"path": film} | dict(zip(columns, values, strict=True))
        lines.append(row | {"http_status": 200, "error": None, "error_detail": None, "seconds": 0.1})
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out.write_text("half a result, of version 0.1")
    os.utime(folder / "a.png", ns=(0, journal.stat().st_mtime_ns))
    os.utime(folder / "b.png", ns=(0, journal.stat().st_mtime_ns + 1))
    (folder / "b.png").write_bytes(b"positive b")
    before = journal.read_bytes()

    assert call() == (2, [])  # a film is missing
    assert journal.read_bytes() == before
    (folder / "gone.png").symlink_to("/nowhere")
    assert call() == (0, ["negative c", "positive b"])
    assert answers(out) == {"a.png": "NORMAL", "b.png": "PNEUMONIA", "c.png": "NORMAL", "gone.png": "NORMAL"}
    assert call() == (0, [])
    (folder / "a.png").write_bytes(b"positive a")
    assert call() == (0, ["positive a"])


def test_under_a_root_a_run_goes_on_where_its_films_are_mounted_now(
    call: Call, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under a root a run goes on where its films are mounted now, a moved and changed film included."""
    (folder / "NORMAL").mkdir()
    (folder / "NORMAL/a.png").write_bytes(b"deep a")
    service.plan[b"negative b"] = [(500, "internal-error")]
    assert call(root=str(folder)) == (1, ["deep a", "negative a", "negative b", "negative c"])
    moved = folder.rename(folder.with_name("elsewhere"))
    (moved / "a.png").write_bytes(b"positive a")

    assert call(moved, root=str(moved)) == (0, ["negative b", "positive a"])
    assert [line.split(",")[0] for line in out.read_text().splitlines()[1:]] == [
        f"{moved}/{name}" for name in ("NORMAL/a.png", "a.png", "b.png", "c.png")
    ]
    assert call(moved) == (2, [])
    assert "was begun with --root. Start with it again" in capsys.readouterr().err
    assert call(moved, root=str(moved.parent)) == (2, [])
    assert "holds 4 films that are not named now" in capsys.readouterr().err
    assert call(moved, root=str(moved)) == (0, [])


def test_a_run_without_a_root_does_not_go_on_with_one(
    call: Call, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run without a root does not go on with one; both ways out are named."""
    call()
    assert call(root=str(folder)) == (2, [])
    printed = capsys.readouterr().err
    assert "was begun without --root" in printed
    assert "--restart" in printed
    assert call() == (0, [])


def test_films_outside_the_root_are_a_wrong_call(
    call: Call, service: StandIn, folder: Path, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Films outside the root are a wrong call, and so is a root that is no folder; nothing is sent or written."""
    (tmp_path / "f2").mkdir()
    (tmp_path / "f2/x.png").touch()
    assert call(folder, tmp_path / "f2", root=str(folder)) == (2, [])
    assert f"Expected films below --root {folder}/. Received: {tmp_path}/f2/x.png." in capsys.readouterr().err
    assert call(root=str(tmp_path / "nowhere")) == (2, [])
    assert "Expected --root to be a folder" in capsys.readouterr().err
    assert list(tmp_path.glob("r.csv*")) == []


def test_a_changed_film_that_was_not_reached_does_not_keep_its_old_answer(
    call: Call, service: StandIn, folder: Path, out: Path
) -> None:
    """A film that changed, and was not reached before the service went away, has a row that says so."""
    call()
    port = service.port
    (folder / "a.png").write_bytes(b"positive a")
    (folder / "b.png").write_bytes(b"positive b")

    def go_away(film: bytes) -> str:
        service.stop()
        return "drop"

    goes_on, service.on_film = service.on_film, go_away
    assert call(concurrency=1)[0] == 1
    printed = answers(out)
    assert printed["c.png"] == "NORMAL"
    assert printed["b.png"] == "not-sent"
    assert printed["a.png"] != "NORMAL"
    assert out.with_name("r.csv.journal").exists()
    service.on_film = goes_on
    service.start(port)
    assert call() == (0, ["positive a", "positive b"])
    assert answers(out) == {"a.png": "PNEUMONIA", "b.png": "PNEUMONIA", "c.png": "NORMAL"}


def test_a_film_that_is_being_written_is_not_sent(
    call: Call, folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film that is being written is not sent, and is tried again at the next start."""
    fstat = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        with (folder / "b.png").open("ab") as file:
            file.write(b".")
        return fstat(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr("batch.fingerprint.os.fstat", growing)
        assert call(folder / "b.png")[1] == []
    assert answers(out) == {"b.png": "unreadable-file"}
    status, sent = call(folder / "b.png")
    assert (status, len(sent)) == (0, 1)


def test_only_what_was_sent_is_counted_as_sent(
    call: Call, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what was sent is counted as sent; what could not be read has a line of its own, and its share of the CPU."""
    for number in range(50):
        (folder / f"dead{number}.png").symlink_to("/nowhere")
    monkeypatch.setattr("time.process_time", iter([0.0, 5.3]).__next__)
    assert call()[0] == 1
    printed = capsys.readouterr().out
    assert "\n3 sent in " in printed
    assert " 100.00 ms of this command's own CPU time a film.\n" in printed
    assert "\n50 of 53 films could not be read, and were not sent.\n" in printed
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").unlink()
    monkeypatch.undo()
    assert call(out=folder.with_name("dead.csv"))[0] == 1
    assert "films/s" not in capsys.readouterr().out


def test_the_journal_does_not_grow_by_starts_that_change_nothing(call: Call, folder: Path, out: Path) -> None:
    """Films that fail again and again stand in the journal once when their result is written."""
    (folder / "dead.png").symlink_to("/nowhere")
    for name in ("d", "e", "f"):
        (folder / f"{name}.png").write_bytes(b"negative " + name.encode())
        assert call()[0] == 1
    lines = out.with_name("r.csv.journal").read_text().splitlines()[1:]
    assert Counter(json.loads(line)["path"] for line in lines).most_common(1)[0][1] == 1
