"""`score --on ray`, on real clusters of this machine."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from batch.destinations import open_destination
from tests.batch.archives import draw_archive, parts_of, paths_of
from tests.batch.object_store import object_store
from tests.batch.ray_starts import ROOT, SECONDS, Starts, assert_gone, family, kill

pytestmark = pytest.mark.long
FILMS = 300


@pytest.fixture(scope="module")
def starts(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starts]:
    """300 films, of which one is broken and one missing, and a store for the results."""
    folder = tmp_path_factory.mktemp("ray")
    films = draw_archive(folder / "films", FILMS)
    Path(films[100]).write_bytes(b"no film")
    Path(films[-1]).unlink()
    # Ray's sockets lie below it, and their paths may have 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    with object_store():
        environment = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PATH"))}
        environment |= {"HOME": str(home), "RAY_TMPDIR": str(home), "RAY_worker_niceness": "0", "PYTHONPATH": str(ROOT)}
        yield Starts(environment, tiny_store, folder / "films.txt", f"{folder}/parts/")
    shutil.rmtree(home, ignore_errors=True)


def assert_complete(starts: Starts) -> None:
    """Fail unless every film is there once."""
    assert paths_of(starts.out) == starts.manifest.read_text().split()


def test_the_result_is_the_one_of_this_process_alone_and_nothing_of_ray_is_left(starts: Starts, tmp_path: Path) -> None:
    """Broken and missing films are rows."""
    alone = replace(starts, out=f"{tmp_path}/alone/")
    assert alone.ended("--part-films", "40")[0] == 1
    on_ray = replace(starts, out="s3://films/equal/")
    command = on_ray.start("--part-films", "40", "--on", "ray")
    on_ray.wait_for_parts(1, command)
    processes = family(command)
    printed, warned = command.communicate(timeout=SECONDS)
    assert command.returncode == 1, warned
    assert on_ray.results() == alone.results()
    assert list(parts_of(on_ray.out)) == list(parts_of(alone.out))
    assert printed.startswith("298 films scored, 2 failed.\n  unreadable-file: 1\n  unsupported-format: 1\n")
    assert re.search(r"^300 scored in [0-9.]+ s: \d+ films/s, [0-9.]+ ms of CPU time a film\.$", printed, re.MULTILINE)
    assert "Traceback" not in warned
    assert len(processes) > 5
    assert_gone(processes)


def test_killed_ten_times_at_random_moments_every_film_is_scored_once(starts: Starts) -> None:
    """The command alone dies; the cluster lives on, and its results are in S3."""
    killed = replace(starts, out="s3://films/killed/")
    chance = random.Random(19)  # noqa: S311
    counts = []
    with killed.cluster(3) as (address, _):
        for _ in range(10):
            command = killed.start("--part-films", "2", "--on", f"ray:{address}")
            killed.wait_for_parts(counts[-1] + chance.randint(0, 4) if counts else 0, command)
            time.sleep(chance.random() / 2)
            kill(command)
            counts.append(len(parts_of(killed.out)))
        status, _, warned = killed.ended("--part-films", "2", "--on", f"ray:{address}")
    assert status in (0, 1), warned
    assert counts[-1] < FILMS / 2, "no start was left to be killed"
    assert len(set(counts)) > 5
    print(f"parts at each kill: {counts} of {FILMS // 2}")
    assert_complete(killed)


def test_killed_with_its_own_cluster_it_resumes_in_a_folder(starts: Starts, tmp_path: Path) -> None:
    """Ray's processes end by themselves."""
    folder = replace(starts, out=f"{tmp_path}/folder/")
    command = folder.start("--part-films", "2", "--on", "ray")
    folder.wait_for_parts(3, command)
    processes = family(command)
    kill(command)
    assert_gone(processes[1:])
    before = parts_of(folder.out)
    assert len(before) < FILMS / 2
    status, _, warned = folder.ended("--part-films", "2", "--on", "ray")
    assert status == 1, warned
    assert "parts were written by an earlier start." in warned
    assert parts_of(folder.out).items() >= before.items()
    assert_complete(folder)


def test_interrupted_it_ends_with_130_and_says_how_to_go_on(starts: Starts, tmp_path: Path) -> None:
    folder = replace(starts, out=f"{tmp_path}/folder/")
    command = folder.start("--part-films", "2", "--on", "ray")
    folder.wait_for_parts(1, command)
    processes = family(command)
    command.send_signal(signal.SIGINT)
    printed, warned = command.communicate(timeout=SECONDS)
    assert command.returncode == 130
    assert printed == "Interrupted. Start the same command again to go on. The parts that are written stay.\n"
    assert "Traceback" not in warned
    assert_gone(processes)


def test_an_actor_that_is_killed_costs_no_film(starts: Starts) -> None:
    """Its parts are given out again once the others are done."""
    out = replace(starts, out="s3://films/actor/")
    command = out.start("--part-films", "2", "--on", "ray")
    out.wait_for_parts(5, command)
    actors = [child for child in family(command) if "MapWorker" in " ".join(child.cmdline())]
    assert actors
    for actor in actors:
        actor.kill()
    _, warned = command.communicate(timeout=SECONDS)
    assert command.returncode == 1, warned
    assert_complete(out)


def test_a_machine_that_is_lost_costs_no_film(starts: Starts) -> None:
    """Nor does the job wait for it."""
    out = replace(starts, out="s3://films/machine/")
    with out.cluster(2, 3) as (address, lose):
        command = out.start("--part-films", "2", "--on", f"ray:{address}")
        out.wait_for_parts(5, command)
        lose()
        _, warned = command.communicate(timeout=SECONDS)
        assert command.returncode == 1, warned
        assert "Ray: 4 actors of one CPU each; one CPU stays free." in warned
    assert_complete(out)


def test_a_cluster_with_one_cpu_is_refused(starts: Starts, tmp_path: Path) -> None:
    """With an actor on it, Ray Data would wait for ever (ray#44687)."""
    out = replace(starts, out=f"{tmp_path}/parts/")
    with out.cluster(1) as (address, _):
        status, _, warned = out.ended("--on", f"ray:{address}")
    assert status == 2
    assert "Expected a Ray cluster with at least 2 CPUs free" in warned
    assert "Received: 1 of 1 free" in warned
    assert open_destination(out.out).names() == {"_run.json"}
