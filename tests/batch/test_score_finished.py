"""What a second start does about a finished result, an older journal, and films below a root."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.batch.calls import Start, answers, known
from tests.batch.stand_in import StandIn


def test_a_result_that_was_deleted_is_written_anew_without_sending(
    start: Start, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result that was deleted is written anew without sending anything, and it is said."""
    start()
    before = out.read_bytes()
    out.unlink()
    assert start() == (0, [])
    assert out.read_bytes() == before
    assert "r.csv is not there: it is written anew from r.csv.films." in capsys.readouterr().err


def test_a_result_that_was_edited_is_not_replaced(
    start: Start, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result that was edited by hand is replaced on demand only; moved away, it is written anew."""
    start()
    edited = out.read_text() + "a note\n"
    out.write_text(edited)
    (folder / "d.png").write_bytes(b"negative d")

    assert start() == (2, [])
    assert "not as this command left it. Move it away" in capsys.readouterr().err
    assert out.read_text() == edited
    out.rename(out.with_name("mine.csv"))
    assert start() == (0, ["negative d"])
    assert len(answers(out)) == 4


def test_a_result_that_was_copied_elsewhere_with_its_films_goes_on(
    start: Start, folder: Path, tmp_path: Path, out: Path
) -> None:
    """A result that was copied elsewhere, with the file beside it, goes on there whatever its time is."""
    start()
    other = tmp_path / "other"
    other.mkdir()
    for name in ("r.csv", "r.csv.films"):
        (other / name).write_bytes((tmp_path / name).read_bytes())
    os.utime(other / "r.csv", ns=(0, 10**18))
    (folder / "d.png").write_bytes(b"negative d")
    assert start(out=other / "r.csv") == (0, ["negative d"])


@pytest.mark.parametrize("restart", [False, True])
def test_a_result_without_its_films_is_replaced_on_demand_only(
    start: Start, out: Path, capsys: pytest.CaptureFixture[str], restart: bool
) -> None:
    """A result without the file beside it, as version 0.1 left it, is replaced on demand only."""
    start()
    out.with_name("r.csv.films").unlink()
    before = out.read_bytes()
    if restart:
        assert start(restart=True)[0] == 0
        assert start() == (0, [])
        return
    assert start() == (2, [])
    printed = capsys.readouterr().err
    assert "is there without r.csv.films" in printed
    assert "--restart" in printed
    assert out.read_bytes() == before
    assert [out] == list(out.parent.glob("r.csv*"))


def test_a_finished_result_holds_one_models_answers(
    start: Start, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New films do not join a finished result once the service has another model."""
    start()
    before = out.read_bytes(), known(out)
    service.sha256 = "cd" * 32
    (folder / "d.png").write_bytes(b"negative d")
    assert start() == (2, [])
    assert "was begun with model_sha256" in capsys.readouterr().err
    assert before == (out.read_bytes(), known(out))


def test_a_journal_of_version_0_1_goes_on(start: Start, service: StandIn, folder: Path, out: Path) -> None:
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

    assert start() == (2, [])  # a film is missing
    assert journal.read_bytes() == before
    (folder / "gone.png").symlink_to("/nowhere")
    assert start() == (0, ["negative c", "positive b"])
    assert answers(out) == {"a.png": "NORMAL", "b.png": "PNEUMONIA", "c.png": "NORMAL", "gone.png": "NORMAL"}
    assert start() == (0, [])
    (folder / "a.png").write_bytes(b"positive a")
    assert start() == (0, ["positive a"])


def test_under_a_root_a_run_goes_on_where_its_films_are_mounted_now(
    start: Start, service: StandIn, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under a root a run goes on where its films are mounted now, a moved and changed film included."""
    (folder / "NORMAL").mkdir()
    (folder / "NORMAL/a.png").write_bytes(b"deep a")
    service.plan[b"negative b"] = [(500, "internal-error")]
    assert start(root=str(folder)) == (1, ["deep a", "negative a", "negative b", "negative c"])
    moved = folder.rename(folder.with_name("elsewhere"))
    (moved / "a.png").write_bytes(b"positive a")

    assert start(moved, root=str(moved)) == (0, ["negative b", "positive a"])
    assert [line.split(",")[0] for line in out.read_text().splitlines()[1:]] == [
        f"{moved}/{name}" for name in ("NORMAL/a.png", "a.png", "b.png", "c.png")
    ]
    assert start(moved) == (2, [])
    assert "was begun with --root. Start with it again" in capsys.readouterr().err
    assert start(moved, root=str(moved.parent)) == (2, [])
    assert "holds 4 films that are not named now" in capsys.readouterr().err
    assert start(moved, root=str(moved)) == (0, [])


def test_a_run_without_a_root_does_not_go_on_with_one(
    start: Start, folder: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run without a root does not go on with one; both ways out are named."""
    start()
    assert start(root=str(folder)) == (2, [])
    printed = capsys.readouterr().err
    assert "was begun without --root" in printed
    assert "--restart" in printed
    assert start() == (0, [])


def test_films_outside_the_root_are_a_wrong_call(
    start: Start, service: StandIn, folder: Path, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Films outside the root are a wrong call, and so is a root that is no folder; nothing is sent or written."""
    (tmp_path / "f2").mkdir()
    (tmp_path / "f2/x.png").touch()
    assert start(folder, tmp_path / "f2", root=str(folder)) == (2, [])
    assert f"Expected films below --root {folder}/. Received: {tmp_path}/f2/x.png." in capsys.readouterr().err
    assert start(root=str(tmp_path / "nowhere")) == (2, [])
    assert "Expected --root to be a folder" in capsys.readouterr().err
    assert list(tmp_path.glob("r.csv*")) == []
