"""`pneumoserve score` as a user calls it: results, exit statuses, what is printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import pneumoserve
from tests.batch.calls import Call, rows_of
from tests.batch.stand_in import StandIn, Step


def test_the_command_scores_a_folder_in_order_and_says_what_it_cost(
    service: StandIn, films: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    ended = CliRunner().invoke(
        pneumoserve.app, ["score", str(films), "--url", service.url, "--out", str(out), "--operating-point", "half"]
    )

    assert ended.exit_code == 0, ended.output
    assert "12 films scored, 0 failed." in ended.stdout
    assert "own CPU time a film" in ended.stdout
    rows = rows_of(out)
    assert [row.split(",")[0] for row in rows] == [str(path) for path in sorted(films.rglob("*.jpeg"))]
    first = f"{films}/NORMAL/person0_virus_1.jpeg,NORMAL,0.1,false,half,0.5,,drawn/1,{'ab' * 32},200,,,"
    assert rows[0].startswith(first)
    assert not out.with_name("out.csv.journal").exists()


@pytest.mark.parametrize("arguments", [["--out", "out.txt"], ["--out", "out.csv", "--labels", "names"], []])
def test_a_wrong_call_is_status_2_with_a_line_that_says_why(
    films: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(films)
    ended = CliRunner().invoke(pneumoserve.app, ["score", str(films), *arguments])

    assert ended.exit_code == 2
    assert "--out" in ended.stderr or "--labels" in ended.stderr


def test_one_failed_film_is_a_row_and_status_1(
    call: Call, service: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One failed film is a row and status 1; what could not change leaves no journal."""
    service.plan[b"positive 3"] = [(422, "undecodable-image")]
    service.plan[b"negative 1"] = ["drop", (429, "overloaded", 0), (503, "not-ready", 0)]

    assert call() == 1
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 12
    assert "422,undecodable-image,Expected better than undecodable-image." in rows[9]
    assert sum(",200,,," in row for row in rows) == 11
    printed = capsys.readouterr().out
    assert "11 films scored, 1 failed." in printed
    assert "undecodable-image: 1: " in printed
    assert not (tmp_path / "out.csv.journal").exists()


@pytest.mark.parametrize("step", ["drop", "garbage", (500, "internal-error"), (404, "not-found")])
def test_what_another_start_may_mend_is_sent_again_alone(
    call: Call, service: StandIn, tmp_path: Path, step: Step, capsys: pytest.CaptureFixture[str]
) -> None:
    """What another start may mend is sent again alone, and the result then holds every film once."""
    service.plan[b"positive 3"] = [step] * (3 if step == "drop" else 1)
    assert call() == 1
    assert "retry 1 that may yet succeed" in capsys.readouterr().out
    sent = len(service.received)

    assert call() == 0
    assert service.received[sent:] == [b"positive 3"]
    assert len(rows_of(tmp_path / "out.csv")) == 12
    assert not (tmp_path / "out.csv.journal").exists()


@pytest.mark.parametrize("state", ["half written", "renamed"])
def test_a_run_that_ended_while_it_wrote_its_result_writes_it_again(
    call: Call, service: StandIn, films: Path, tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ended before its result was finished sends nothing when started again, and writes the whole result."""
    with monkeypatch.context() as patched:
        patched.setattr("batch.journal.Journal.finish", lambda journal: None)
        assert call() == 0
    if state == "half written":
        (tmp_path / "out.csv").rename(tmp_path / "out.csv.part")
        (tmp_path / "out.csv.part").write_text("half a res")

    assert call() == 0
    assert len(service.received) == 12
    assert [row.split(",")[0] for row in rows_of(tmp_path / "out.csv")] == [
        str(path) for path in sorted(films.rglob("*.jpeg"))
    ]
    assert sorted(path.name for path in tmp_path.glob("out.csv*")) == ["out.csv", "out.csv.films"]


def test_files_that_cannot_be_read_are_rows(call: Call, films: Path, tmp_path: Path) -> None:
    (films / "broken.png").symlink_to("nowhere")

    assert call(films, films / "gone.jpeg") == 1
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 14
    assert rows[12] == f"{films}/broken.png,,,,,,,,,,unreadable-file,No such file or directory,"
    assert rows[13] == f"{films}/gone.jpeg,,,,,,,,,,unreadable-file,No such file or directory,"


def test_odd_file_names_go_through_every_step(call: Call, tmp_path: Path) -> None:
    """Odd file names go through journal and result."""
    folder = tmp_path / "odd"
    folder.mkdir()
    names = ['quote".png', "new\nline.png", "semi;comma,.png", "bad\udcff.png", "☃.png"]
    for name in names:
        (folder / name).write_bytes(name.encode("utf-8", "surrogateescape"))

    assert call(folder, out=tmp_path / "out.parquet") == 0
    paths = pq.read_table(tmp_path / "out.parquet")["path"].to_pylist()
    assert paths == [f"{folder}/{name}".replace("\udcff", "\\xff") for name in sorted(names)]


def test_warnings_are_codes(call: Call, tmp_path: Path) -> None:
    """Warnings are codes, joined by a semicolon in CSV."""
    film = tmp_path / "film.bin"
    film.write_bytes(b"colour")

    assert call(film) == 0
    assert ",colour-image;low-depth," in rows_of(tmp_path / "out.csv")[0]


def test_a_finished_result_is_scored_anew_only_on_demand(call: Call, service: StandIn) -> None:
    assert call() == 0
    assert call() == 0
    assert len(service.received) == 12
    assert call(restart=True) == 0
    assert len(service.received) == 24


def test_a_result_that_is_not_finished_is_not_lost_to_other_films(
    call: Call, service: StandIn, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result with a journal beside it is not replaced by one that lacks its films."""
    service.plan[b"positive 3"] = [(500, "internal-error")]
    assert call() == 1
    before, sent = (tmp_path / "out.csv").read_bytes(), len(service.received)
    one = min(films.rglob("*.jpeg"))

    assert call(one) == 2
    assert "holds 11 films that are not named now" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_bytes() == before
    assert len(service.received) == sent


def test_a_service_that_is_down_at_the_start_is_one_line_and_status_1(
    call: Call, service: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that is down at the start is one line and status 1, and leaves no file."""
    service.stop()

    assert call() == 1
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "Nothing was sent" in printed
    assert list(tmp_path.glob("out.csv*")) == []


def test_a_service_that_is_loading_at_the_start_is_waited_for(call: Call, service: StandIn) -> None:
    service.model_plan = [(503, "not-ready", 0)] * 3
    assert call() == 0


def test_a_service_that_goes_away_leaves_a_row_for_every_film(
    call: Call, service: StandIn, films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that goes away leaves a row for every film, soon; the next start sends what is missing."""

    def go_away(film: bytes) -> str | None:
        if len(service.received) == 5:
            service.stop()
        return None if len(service.received) <= 5 else "drop"

    goes_on, service.on_film = service.on_film, go_away
    port = service.port
    assert call(concurrency=1, url=f"http://127.0.0.1:{port}") == 1
    rows = rows_of(tmp_path / "out.csv")
    assert len(rows) == 12
    scored = sum(",200,,," in row for row in rows)
    assert 1 <= scored <= 5
    assert any(",not-sent," in row for row in rows)
    assert "stopped answering" in capsys.readouterr().out

    service.on_film = goes_on
    service.start(port)
    sent = len(service.received)
    assert call(url=f"http://127.0.0.1:{port}") == 0
    assert len(service.received) - sent == 12 - scored


def test_a_refused_key_stops_the_run(call: Call, service: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused key stops the run: no film would be answered."""
    for label in ("negative", "positive"):
        for number in range(6):
            service.plan[f"{label} {number}".encode()] = [(401, "unauthorized")]

    assert call(concurrency=2) == 2
    assert "API key" in capsys.readouterr().err
    assert len(service.received) <= 3


def test_a_model_that_changes_on_the_way_stops_the_run(
    call: Call, service: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that changes on the way stops the run, and the next start refuses to mix."""

    def change(film: bytes) -> None:
        if len(service.received) == 5:
            service.sha256 = "cd" * 32

    service.on_film = change
    assert call(concurrency=1) == 1
    assert "changed its model" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    assert call() == 2
    assert "--restart" in capsys.readouterr().err
    assert call(restart=True) == 0


def test_an_unknown_operating_point_lists_those_there_are(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(operating_point="sensitive") == 2
    assert "half, balanced" in capsys.readouterr().err


def test_another_server_is_reported_from_the_service(
    call: Call, service: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    service.model_plan = [(404, "not-found")]
    assert call() == 2
    assert "Expected PneumoServe" in capsys.readouterr().err


def test_the_command_imports_neither_the_service_nor_a_framework() -> None:
    code = "import sys, batch.score; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["app.api", "app.imaging", "app.inference", "fastapi", "numpy", "pyarrow", "keras", "tensorflow"]
    ended = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
