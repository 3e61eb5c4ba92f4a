"""What holds of scoring on Ray without a cluster: the actor by itself, addresses, deadlines."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from batch.archive import Archive
from batch.destinations import open_destination
from batch.errors import CallError, JobFailed, NoCluster
from batch.in_process import FilmScorer, ScoringOptions
from batch.parts import Parts, describe_run
from batch.ray_actor import Job, PartReport, PartScorer, decode_reports, encode_slice
from batch.ray_archive import _within
from batch.ray_cluster import parse_address, ray_actors
from tests.conftest import encode, film_pixels


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Three films, the last one broken, and one that is not there."""
    films = [tmp_path / f"{number}.jpeg" for number in range(4)]
    for number, film in enumerate(films[:3]):
        film.write_bytes(encode(film_pixels(number)) if number < 2 else b"no film")
    manifest = tmp_path / "films.txt"
    manifest.write_text("".join(f"{film}\n" for film in films))
    return Archive([str(manifest)])


@pytest.fixture
def job(archive: Archive, tiny_store: Path, tmp_path: Path) -> Job:
    return Job(ScoringOptions(tiny_store), f"{tmp_path}/parts/", archive.plan(2))


def begin(job: Job) -> Parts:
    """Begin the run, as the command does before there is an actor."""
    return Parts(open_destination(job.out), job.plan, describe_run(FilmScorer(job.options), job.plan))


def give(scorer: PartScorer, archive: Archive) -> list[PartReport]:
    """Give an actor all parts, as Ray hands them over; CPU time left out."""
    tables = [pa.table(encode_slice(part)) for part in archive.slices(2)]
    batches = [{"part": table["part"].to_numpy()} for table in tables]
    return [report._replace(cpu_seconds=0) for batch in batches for report in decode_reports(scorer(batch))]


def test_an_actor_writes_its_parts_and_reports_counts(job: Job, archive: Archive) -> None:
    parts = begin(job)
    reports = give(PartScorer(job), archive)
    errors = {"unsupported-format": 1, "unreadable-file": 1}
    assert reports == [PartReport(0, 2, {}, 0, None), PartReport(1, 2, errors, 0, None)]
    assert parts.missing() == []


def test_a_path_that_is_no_valid_utf8_reaches_the_actor() -> None:
    table = pa.table(encode_slice(next(Archive(["/films/\udce9.jpeg", "s3://films/a.jpeg"]).slices(2))))
    assert "\\udce9" in table["part"][0].as_py()


def test_a_machine_where_the_results_are_another_folder_reports_it(job: Job, archive: Archive) -> None:
    """A local folder on a cluster would leave parts on machines where nobody looks for them."""
    report = give(PartScorer(job), archive)[0]
    assert report.problem is not None
    assert "Expected --out to be reachable from every machine of the cluster." in report.problem
    assert list(Path(job.out).iterdir()) == []


def test_a_machine_without_the_model_reports_it(job: Job, archive: Archive, tmp_path: Path) -> None:
    begin(job)
    empty = Job(ScoringOptions(tmp_path / "nowhere"), job.out, job.plan)
    assert "nowhere" in (give(PartScorer(empty), archive)[0].problem or "")


def test_a_machine_with_another_model_reports_it(job: Job, archive: Archive, tiny_store: Path) -> None:
    begin(job)
    other = Job(ScoringOptions(tiny_store, "dense"), job.out, job.plan)
    assert "model was pooled/1, and now is dense/1" in (give(PartScorer(other), archive)[0].problem or "")


@pytest.mark.parametrize(
    ("on", "address"), [("ray", None), ("ray:auto", "auto"), ("ray:10.0.0.1:6379", "10.0.0.1:6379")]
)
def test_an_address_follows_the_name_of_ray(on: str, address: str | None) -> None:
    assert parse_address(on) == address


@pytest.mark.parametrize("on", ["", "ray:", "spark", "ray:head", "ray:ray://head:10001"])
def test_another_address_is_refused_with_what_was_expected(on: str) -> None:
    with pytest.raises(CallError, match="Expected --on ray, --on ray:auto or --on ray:HOST:PORT"):
        parse_address(on)


def test_an_address_where_nothing_answers_is_refused_at_once() -> None:
    """Ray itself would try for minutes."""
    expected = "Expected a Ray cluster at 127.0.0.1:1. Received: .*refused.*ray start --head"
    with pytest.raises(NoCluster, match=expected), ray_actors("127.0.0.1:1"):
        pass


def test_without_ray_the_command_names_what_to_install(tmp_path: Path) -> None:
    code = """if True:
        import sys
        sys.modules["ray"] = None
        from batch.ray_cluster import ray_actors
        try:
            with ray_actors(None):
                pass
        except Exception as error:
            print(type(error).__name__, error)
    """
    command = [sys.executable, "-c", code]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    assert ended.stdout == "CallError --on ray needs ray, which is not installed: run `make install-ray`.\n"


def test_a_cluster_that_finishes_nothing_ends_the_job() -> None:
    asked = threading.Event()

    def never() -> Iterator[int]:
        yield 1
        asked.wait(60)

    batches = _within(0.05, never())
    assert next(batches) == 1
    with pytest.raises(JobFailed, match=r"No part was finished for 0 s.*Start the same command again"):
        next(batches)
    asked.set()


def test_an_error_of_ray_ends_the_job_with_its_message() -> None:
    def broken() -> Iterator[int]:
        raise RuntimeError("the cluster is gone")
        yield

    with pytest.raises(JobFailed, match="Ray ended the job: RuntimeError: the cluster is gone"):
        next(_within(60, broken()))
