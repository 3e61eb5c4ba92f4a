"""`score --in-process --out PREFIX/`: an archive into parts, each written once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from batch.destinations import Destination, open_destination
from batch.in_process import FilmScorer, ScoringOptions
from batch.results import COLUMNS
from batch.shards import Shard
from tests.batch.archives import draw_archive, parts_of, paths_of, rows_of, start, write_manifest
from tests.batch.object_store import ObjectStore, object_store

FILMS = 23


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films, and a manifest beside it."""
    folder = tmp_path_factory.mktemp("drawn") / "films"
    draw_archive(folder, FILMS)
    return folder


@pytest.fixture
def manifest(drawn: Path) -> Path:
    return drawn.with_suffix(".txt")


@pytest.fixture(params=["folder", "S3"])
def out(request: pytest.FixtureRequest, store: ObjectStore, tmp_path: Path) -> str:
    return f"{tmp_path}/parts/" if request.param == "folder" else f"s3://films/{tmp_path.name}/parts/"


def named(manifest: Path) -> list[str]:
    return manifest.read_text().splitlines()


def test_every_film_is_a_row_in_the_manifests_order(tiny_store: Path, manifest: Path, out: str) -> None:
    """With the columns of any result."""
    assert start(tiny_store, manifest, out=out) == 0

    assert [name[:19] for name in parts_of(out)] == [f"part-{number:05}-of-00005" for number in range(5)]
    assert paths_of(out) == named(manifest)
    scorer = FilmScorer(ScoringOptions(tiny_store))
    for row in rows_of(out)[::7]:
        assert tuple(row) == COLUMNS
        assert row | {"seconds": 0} == scorer.score(row["path"]).as_columns() | {"seconds": 0}


def test_films_and_manifest_may_lie_in_an_object_store(
    tiny_store: Path, drawn: Path, store: ObjectStore, tmp_path: Path
) -> None:
    system = fsspec.filesystem("s3")
    system.put(f"{drawn}/", "films/archive/", recursive=True)
    keys = [f"s3://films/archive/{path.name}" for path in sorted(drawn.iterdir())]
    system.pipe_file("films/m.csv", "\n".join(["path", *keys]).encode())

    assert start(tiny_store, "s3://films/m.csv", out=f"{tmp_path}/remote/") == 0
    assert start(tiny_store, drawn, out=f"{tmp_path}/local/") == 0
    assert paths_of(f"{tmp_path}/remote/") == keys
    remote, local = ([row["probability"] for row in rows_of(f"{tmp_path}/{name}/")] for name in ("remote", "local"))
    assert remote == local


def test_started_again_it_writes_only_what_is_missing(
    tiny_store: Path, manifest: Path, out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start(tiny_store, manifest, out=out, shard=Shard(1, 2))
    before = parts_of(out)
    capsys.readouterr()
    assert start(tiny_store, manifest, out=out) == 0

    output, errors = capsys.readouterr()
    assert "2 of 5 parts were written by an earlier start." in errors
    assert "13 films scored, 0 failed." in output
    after = parts_of(out)
    assert len(after) == 5
    assert {name: after[name] for name in before} == before
    assert start(tiny_store, manifest, out=out) == 0
    assert parts_of(out) == after


def test_two_shards_together_score_every_film_once(tiny_store: Path, manifest: Path, out: str) -> None:
    for index in range(2):
        assert start(tiny_store, manifest, out=out, shard=Shard(index, 2)) == 0
    assert paths_of(out) == named(manifest)


def test_a_film_that_fails_is_a_row(
    tiny_store: Path, manifest: Path, out: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the exit status says so; the others are scored."""
    (tmp_path / "text.png").write_bytes(b"no film")
    odd = [str(tmp_path / "text.png"), str(tmp_path / "gone.png"), "s3://films/gone.png"]
    write_manifest(tmp_path / "m.txt", named(manifest)[:3] + odd)
    assert start(tiny_store, tmp_path / "m.txt", out=out) == 1

    expected = ["unsupported-format", "unreadable-file", "unreadable-file"]
    assert [row["error"] for row in rows_of(out)] == [None] * 3 + expected
    output = capsys.readouterr().out
    assert "3 films scored, 3 failed.\n  unreadable-file: 2\n  unsupported-format: 1\n" in output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"model": "dense"}, "model was pooled/1, and now is dense/1"),
        ({"gate": "off"}, "gate was refuse, and now is off"),
        ({"part_films": 6}, "part_films was 5, and now is 6"),
    ],
)
def test_another_run_is_refused_in_one_line(
    tiny_store: Path,
    manifest: Path,
    out: str,
    options: dict[str, object],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 2; nothing is written."""
    start(tiny_store, manifest, out=out, shard=Shard(0, 5))
    before = parts_of(out)
    capsys.readouterr()
    assert start(tiny_store, manifest, out=out, **options) == 2
    errors = capsys.readouterr().err
    assert errors == f"--out holds parts of another run: {reason}. Go back to that, or name another --out.\n"
    assert parts_of(out) == before


def test_other_films_are_refused(
    tiny_store: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a film could be a row twice."""
    out = f"{tmp_path}/parts/"
    start(tiny_store, manifest, out=out)
    write_manifest(tmp_path / "m.txt", named(manifest)[::-1])
    assert start(tiny_store, tmp_path / "m.txt", out=out) == 2
    assert "manifest_sha256 was" in capsys.readouterr().err


def test_another_run_is_refused_by_a_store_that_ignores_conditions(
    tiny_store: Path, manifest: Path, store: ObjectStore, tmp_path: Path
) -> None:
    """As some S3-compatible stores do: they write over what is there."""
    out = f"s3://films/{tmp_path.name}/parts/"
    store.ignores_conditions = True
    try:
        assert start(tiny_store, manifest, out=out, shard=Shard(0, 5)) == 0
        assert start(tiny_store, manifest, out=out, gate="off") == 2
    finally:
        store.ignores_conditions = False
    assert len(parts_of(out)) == 1


@pytest.mark.parametrize("films", [FILMS - 1, FILMS - 4, FILMS + 1, -FILMS])
def test_a_manifest_that_changes_after_it_was_planned_ends_the_start(
    tiny_store: Path,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    films: int,
) -> None:
    """Shorter by a film or a part, longer, or in another order; else films would be lost, or be in a wrong part."""
    changed, listed = tmp_path / "m.txt", named(manifest)
    write_manifest(changed, listed)

    def change(out: str) -> Destination:
        write_manifest(changed, listed[::-1] if films < 0 else [*listed, "more.png"][:films])
        return open_destination(out)

    monkeypatch.setattr("batch.score_archive.open_destination", change)
    assert start(tiny_store, changed, out=f"{tmp_path}/parts/") == 2
    assert "Received one that changed since this start began." in capsys.readouterr().err
    assert set(paths_of(f"{tmp_path}/parts/")) < set(listed)


def test_what_is_passed_over_in_a_folder_is_counted(
    tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with one result file."""
    draw_archive(tmp_path / "films", 1)
    (tmp_path / "films" / "notes.doc").write_bytes(b"no film")
    assert start(tiny_store, tmp_path / "films", out=f"{tmp_path}/parts/") == 0
    assert ".doc" in capsys.readouterr().err


def test_the_run_is_pinned_beside_the_parts(tiny_store: Path, manifest: Path, tmp_path: Path) -> None:
    start(tiny_store, manifest, out=f"{tmp_path}/parts/")
    run = json.loads((tmp_path / "parts" / "_run.json").read_text())
    assert run.pop("manifest_sha256").isalnum()
    assert run == {
        "parts": 1,
        "model": "pooled/1",
        "model_sha256": FilmScorer(ScoringOptions(tiny_store)).run.model_sha256,
        "operating_point": "balanced",
        "prevalence": None,
        "gate": "refuse",
        "engine": "openvino",
        "films": FILMS,
        "part_films": 5,
    }


def test_a_foreign_run_file_is_refused(
    tiny_store: Path, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "_run.json").write_text("[1]")
    assert start(tiny_store, manifest, out=f"{tmp_path}/") == 2
    assert capsys.readouterr().err == "Expected _run.json of this command in --out. Received another file.\n"


def test_a_part_whose_films_are_all_gone_does_not_hold_up_the_others(
    tiny_store: Path, manifest: Path, tmp_path: Path
) -> None:
    write_manifest(tmp_path / "m.txt", [f"/gone/{number}.png" for number in range(5)] + named(manifest))
    assert start(tiny_store, tmp_path / "m.txt", out=f"{tmp_path}/parts/") == 1
    assert [row["error"] for row in rows_of(f"{tmp_path}/parts/")] == ["unreadable-file"] * 5 + [None] * FILMS


def test_where_no_film_can_be_read_nothing_is_written(
    tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not mounted must not become an archive of failures."""
    write_manifest(tmp_path / "m.txt", [f"/not/mounted/{number}.png" for number in range(9)])
    assert start(tiny_store, tmp_path / "m.txt", out=f"{tmp_path}/parts/") == 1
    assert "None of the first part can: No such file or directory." in capsys.readouterr().err
    assert parts_of(f"{tmp_path}/parts/") == {}
