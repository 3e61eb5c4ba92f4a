"""Scored in-process, a film has the row that it has over HTTP."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import InvalidParameter, ModelNotFound
from app.memory_limit import MAX_UPLOAD_BYTES
from app.names import GateMode
from batch.errors import CallError
from batch.fingerprint import read_film_bytes
from batch.in_process import FilmScorer, ScoringOptions, score_film
from batch.journal_format import parse_entry
from batch.results import Row
from batch.score import score
from tests.batch.calls import QUICK
from tests.batch.object_store import ObjectStore, object_store
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import make_film
from tests.running import Running, running

NOISE = encode(np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8), ".png")
FILMS = {
    "film.jpeg": encode(film_pixels(1)),
    "colour.png": encode(np.stack([film_pixels(seed) for seed in range(3)], -1), ".png"),
    "dicom.dcm": make_film(),
    "noise.png": NOISE,
    "empty.png": b"",
    "text.png": b"no film",
    "cut.jpeg": encode(film_pixels(3))[:5000],
    "small.png": encode(film_pixels(4, 40, 40), ".png"),
}


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running_store:
        yield running_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A film of every kind; one may not be read, one is over the service's limit."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name, data in FILMS.items():
        (folder / name).write_bytes(data)
    (folder / "gone.png").symlink_to("nowhere")
    (folder / "large.png").touch()
    os.truncate(folder / "large.png", MAX_UPLOAD_BYTES + 1)
    return folder


def rows_over_http(service: Running, folder: Path, **options: object) -> list[Row]:
    """Return the rows of a folder's films from `score` over HTTP, without seconds."""
    out = folder.parent / "http.csv"
    score([str(folder)], url=f"http://127.0.0.1:{service.port}", out=out, policy=QUICK, **options)  # type: ignore[arg-type]
    kept = next(path for path in out.parent.glob("http.csv.*") if path.suffix in (".films", ".journal"))
    entries = [parse_entry(line, 2) for line in kept.read_bytes().splitlines(keepends=True)[1:]]
    return sorted((replace(entry.row, seconds=None) for entry in entries if entry), key=lambda row: row.path)


def rows_in_process(options: ScoringOptions, folder: Path) -> list[Row]:
    """Return the rows of a folder's films, without seconds."""
    scorer = FilmScorer(options)
    return [replace(scorer.score(str(path)), seconds=None) for path in sorted(folder.iterdir())]


def test_every_column_but_the_seconds_is_as_over_http(tiny_store: Path, folder: Path) -> None:
    """For films that are answered, refused, or cannot be read."""
    with running(tiny_store, prevalence=0.1, max_upload_bytes=MAX_UPLOAD_BYTES) as service:
        expected = rows_over_http(service, folder, operating_point="half")
    rows = rows_in_process(ScoringOptions(tiny_store, operating_point="half", prevalence=0.1), folder)

    assert rows == expected
    slugs = {Path(row.path).name: row.error for row in rows if row.error}
    assert slugs == {
        "empty.png": "missing-file",
        "text.png": "unsupported-format",
        "cut.jpeg": "undecodable-image",
        "small.png": "unsuitable-image",
        "gone.png": "unreadable-file",
        "large.png": "too-many-bytes",
    }


@pytest.mark.parametrize("gate", ["refuse", "flag", "off"])
def test_the_gate_is_obeyed_as_by_a_service(gated_store: Path, tmp_path: Path, gate: GateMode) -> None:
    """Noise is no film."""
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "noise.png").write_bytes(NOISE)
    with running(gated_store, gate=gate) as service:
        expected = rows_over_http(service, tmp_path / "films")
    rows = rows_in_process(ScoringOptions(gated_store, gate=gate), tmp_path / "films")

    assert rows == expected
    assert [row.error for row in rows] == ["unsuitable-image" if gate == "refuse" else None]


def test_a_film_in_an_object_store_has_the_row_of_its_file(tiny_store: Path, folder: Path, store: ObjectStore) -> None:
    """One that is not there, too; its address is the path."""
    import fsspec

    system = fsspec.filesystem("s3")
    scorer = FilmScorer(ScoringOptions(tiny_store))
    for name in ("film.jpeg", "empty.png", "text.png", "gone.png"):
        if name != "gone.png":
            system.pipe_file(f"films/{name}", (folder / name).read_bytes())
        row, expected = scorer.score(f"s3://films/{name}"), scorer.score(str(folder / name))
        assert replace(row, seconds=None) == replace(expected, path=f"s3://films/{name}", seconds=None)


def test_no_film_ends_the_scoring(tiny_store: Path, tmp_path: Path) -> None:
    """Neither a folder, a pipe, an odd name nor a bucket that does not exist."""
    os.mkfifo(tmp_path / "pipe.png")
    scorer = FilmScorer(ScoringOptions(tiny_store))
    for address in (str(tmp_path), str(tmp_path / "pipe.png"), "a\0b.png", "", f"{'x' * 300}.png"):
        row = scorer.score(address)
        assert (row.path, row.error, row.http_status) == (address, "unreadable-file", None)
        assert row.error_detail


class Broken(FilmScorer):
    """Has a defect that films of these bytes meet."""

    def _predict(self, film: bytes) -> bytes:
        return super()._predict(film) if film != FILMS["film.jpeg"] else {}["x"]


def test_a_defect_fails_its_film_alone(tiny_store: Path, folder: Path) -> None:
    """As status 500 does over HTTP."""
    scorer = Broken(ScoringOptions(tiny_store))
    row = scorer.score(str(folder / "film.jpeg"))
    assert (row.http_status, row.error, row.error_detail) == (500, "internal-error", "KeyError: 'x'")
    assert scorer.score(str(folder / "colour.png")).http_status == 200


@pytest.mark.parametrize("address", ["nowhere://film.png", "dbfs://a/b.png", "s3://films/a::b.png"])
def test_an_address_that_leads_to_no_store_fails_its_film_alone(
    tiny_store: Path, store: ObjectStore, address: str
) -> None:
    """One among millions; of `a::b.png`, fsspec would open `a`."""
    import fsspec

    fsspec.filesystem("s3").pipe_file("films/a", FILMS["film.jpeg"])
    row = FilmScorer(ScoringOptions(tiny_store)).score(address)
    assert (row.error, row.http_status) == ("unreadable-file", None)
    assert "Expected a " in (row.error_detail or "")


def test_a_scheme_whose_library_is_missing_ends_the_scoring(tiny_store: Path) -> None:
    """No film there would be read until it is installed."""
    with pytest.raises(CallError, match="az:// needs a library that is not installed"):
        FilmScorer(ScoringOptions(tiny_store)).score("az://films/film.png")


@pytest.mark.parametrize("kind", ["file", "S3"])
def test_a_film_over_the_limit_is_refused_unread(
    tiny_store: Path, folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Several at once would not fit into a Pod's memory."""
    import fsspec

    large, address = folder / "large.png", str(folder / "large.png")
    os.truncate(large, 3 * MAX_UPLOAD_BYTES)
    if kind == "S3":
        address = "s3://films/large.png"
        fsspec.filesystem("s3").pipe_file(address, bytes(5_000))
        monkeypatch.setattr("batch.in_process.MAX_UPLOAD_BYTES", 1_000)
    tracemalloc.start()
    try:
        row = score_film(address, lambda film: pytest.fail("read"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (row.error, row.http_status) == ("too-many-bytes", 413)
    assert (row.error_detail or "").endswith(
        "Received 5000 declared." if kind == "S3" else "Received 201326592 declared."
    )
    assert peak < MAX_UPLOAD_BYTES // 2


def test_a_file_that_is_handed_out_in_pieces_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As network file systems do: one read returns less than was asked for."""
    (tmp_path / "film").write_bytes(bytes(range(100)))

    class Pieces(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size, 7)) if size and size > 0 else self.readall()

    monkeypatch.setattr(Path, "open", lambda path, *_, **__: Pieces(path))
    assert read_film_bytes(str(tmp_path / "film")) == bytes(range(100))


def test_options_name_the_model_and_point_that_were_chosen(tiny_store: Path) -> None:
    """So that another process opens the same."""
    scorer = FilmScorer(ScoringOptions(tiny_store))
    assert (scorer.options.model, scorer.options.operating_point) == ("pooled/1", "balanced")
    assert (scorer.run.model, scorer.run.operating_point) == ("pooled/1", "balanced")
    with pytest.raises(InvalidParameter):
        FilmScorer(ScoringOptions(tiny_store, operating_point="none"))
    with pytest.raises(ModelNotFound):
        FilmScorer(ScoringOptions(tiny_store, "none"))
