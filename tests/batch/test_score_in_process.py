"""`score --in-process`: the command, its options, and one result file as over HTTP."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import pneumoserve
from tests.conftest import encode
from tests.drawn import draw_film

ROOT = Path(__file__).parents[2]
Score = Callable[..., tuple[int, str, str]]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three films a class, and a text that claims to be one."""
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / "films" / label).mkdir(parents=True)
        for seed in range(3):
            film = tmp_path / "films" / label / f"person{seed}_virus_1.png"
            film.write_bytes(encode(draw_film(label, seed, 90, 100), ".png"))
    (tmp_path / "films" / "text.png").write_bytes(b"no film")
    return tmp_path / "films"


@pytest.fixture
def score(tiny_store: Path, films: Path, tmp_path: Path) -> Score:
    """Call the command in-process on the films; return status, output and errors."""

    def score(*arguments: str, source: str | None = None, **variables: str) -> tuple[int, str, str]:
        called = ["score", source or str(films), "--in-process", "--out", str(tmp_path / "r.csv"), *arguments]
        ended = CliRunner().invoke(
            pneumoserve.app, called, env={"PNEUMOSERVE_MODEL_STORE": str(tiny_store)} | variables
        )
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended.exit_code, ended.stdout, ended.stderr

    return score


def rows(out: Path) -> list[dict[str, Any]]:
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_file_has_a_row_for_each_film(score: Score, tmp_path: Path) -> None:
    status, output, _ = score("--operating-point", "half")

    assert status == 1
    found = rows(tmp_path / "r.csv")
    assert [row["error"] for row in found] == [""] * 6 + ["unsupported-format"]
    assert {row["operating_point"] for row in found[:6]} == {"half"}
    assert "6 films scored, 1 failed." in output
    assert "7 scored in " in output


def test_started_again_it_scores_what_changed(score: Score, films: Path, tmp_path: Path) -> None:
    """From the same journal as over HTTP."""
    score()
    (films / "text.png").write_bytes(encode(draw_film("NORMAL", 9, 90, 100), ".png"))
    status, output, errors = score()

    assert status == 0
    assert "6 of 7 films were scored by an earlier start." in errors
    assert "1 of 7 films changed since an earlier start, and were scored again." in output
    assert [row["error"] for row in rows(tmp_path / "r.csv")] == [""] * 7


@pytest.mark.parametrize("option", [("--prevalence", "0.2"), ("--gate", "off"), ("--model", "dense")])
def test_one_result_holds_answers_of_one_kind(score: Score, option: tuple[str, str]) -> None:
    """Another model, prevalence or gate is refused, as another operating point is."""
    score()
    status, _, errors = score(*option)
    assert status == 2
    assert f"was begun with {option[0].removeprefix('--')} " in errors


def test_true_classes_give_metrics(score: Score) -> None:
    status, output, _ = score("--labels", "folders")
    assert status == 1
    assert "6 labelled films: 3 NORMAL, 3 PNEUMONIA." in output


def test_a_manifest_names_the_films(score: Score, films: Path, tmp_path: Path) -> None:
    """Of one file as of parts."""
    named = [films / "NORMAL" / f"person{seed}_virus_1.png" for seed in (2, 0)]
    (tmp_path / "m.csv").write_text("\n".join(["path", *map(str, named)]))
    assert score(source=str(tmp_path / "m.csv"))[0] == 0
    assert [row["path"] for row in rows(tmp_path / "r.csv")] == list(map(str, named))


def test_what_ends_with_a_slash_gets_parts(score: Score, tmp_path: Path) -> None:
    """Of the size wanted, for the pod of a job."""
    for index in "01":
        options = ("--part-films", "2", "--shard", "auto/2", "--out", f"{tmp_path}/parts/")
        assert score(*options, JOB_COMPLETION_INDEX=index)[0] == int(index == "1")
    assert len(list((tmp_path / "parts").glob("part-*-of-00004-*.parquet"))) == 4


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--in-process", "--url", "http://x"], "--url only without --in-process"),
        (["--in-process", "--api-key", "k"], "--api-key only without --in-process"),
        (["--model", "pooled"], "--model only with --in-process: a service has its own"),
        (["--model-store", "s"], "--model-store only with --in-process"),
        (["--in-process", "--shard", "0/2"], "--shard only with --out PREFIX/, which ends with a slash"),
        (["--in-process", "--part-films", "9"], "--part-films only with --out PREFIX/"),
        (["--in-process", "--out", "p/", "--restart"], "--restart only with --out FILE"),
        (["--in-process", "--out", "s3://b/p", "--labels", "folders"], "--labels only with --out FILE"),
        (["--out", "p/"], "--out to be a file, or --in-process"),
        (["--in-process", "--out", "p/", "--shard", "2/2"], "--shard INDEX/COUNT, INDEX from 0 to COUNT - 1"),
    ],
)
def test_options_that_do_not_belong_together_are_one_line(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: str
) -> None:
    """And status 2, before anything is opened or made."""
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(pneumoserve.app, ["score", "films", "--out", "r.csv", *arguments])
    assert ended.exit_code == 2
    assert ended.stderr.startswith(f"Expected {expected}")
    assert ended.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["films"]


def test_variables_of_a_service_do_not_disturb(score: Score) -> None:
    """They may be set for all commands."""
    assert score(PNEUMOSERVE_API_KEY="k", PNEUMOSERVE_GATE="flag")[0] == 1


def test_no_model_is_one_line(score: Score, tmp_path: Path) -> None:
    for out in ("r.csv", "parts/"):
        status, output, errors = score("--model", "none", "--out", f"{tmp_path}/{out}")
        assert (status, output, errors.count("\n")) == (2, "", 1)
        assert "none" in errors


@pytest.mark.parametrize("missing", ["s3fs", "fsspec"])
def test_a_missing_library_is_one_line_that_says_what_to_install(
    tiny_store: Path, films: Path, tmp_path: Path, missing: str
) -> None:
    """In an interpreter that has no such library."""
    code = f"import sys; sys.modules[{missing!r}] = None; import pneumoserve; pneumoserve.main()"
    arguments = ["score", str(films), "--in-process", "--model-store", str(tiny_store), "--out", "s3://bucket/parts/"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "s3:// needs a library that is not installed" in ended.stderr
    assert "make install-archive" in ended.stderr
