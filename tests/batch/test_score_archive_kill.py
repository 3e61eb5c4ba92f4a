"""Killed at any moment and started again, an archive has every film exactly once, and never half a part."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.archives import draw_archive, parts_of, paths_of, rows_of
from tests.batch.object_store import ObjectStore, object_store

ROOT = Path(__file__).parents[2]
FILMS = 400
PART_FILMS = 20
# Killed before every step of a write that reaches the disk; forked, since importing takes longer than all the rest.
STEPS = """
import os, signal, sys
from batch.destinations import open_destination
from pathlib import Path

out, real = sys.argv[1], {name: getattr(os, name) for name in ("fsync", "link", "unlink", "open")}


def kill_at(step):
    count = 0
    def counted(call):
        def wrapped(*arguments, **options):
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return wrapped
    for name, call in real.items():
        setattr(os, name, counted(call))


for step in range(1, 50):
    folder = f"{out}/{step}/"
    child = os.fork()
    if child == 0:
        kill_at(step)
        open_destination(folder).create("part", bytes(100_000))
        os._exit(0)
    was_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    before = open_destination(folder).read("part")
    open_destination(folder).create("part", bytes(100_000))
    left = sorted(path.name for path in Path(folder).iterdir())
    print(before is None or len(before) == 100_000, len(open_destination(folder).read("part")), *left)
    if not was_killed:
        break
"""


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "films"
    draw_archive(folder, FILMS)
    return folder


def begin(tiny_store: Path, archive: Path, out: str) -> subprocess.Popen[str]:
    """Start the command as a process."""
    command = [sys.executable, str(ROOT / "pneumoserve.py"), "score", str(archive.with_suffix(".txt")), "--in-process"]
    command += ["--out", out, "--part-films", str(PART_FILMS), "--model-store", str(tiny_store)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kill_and_go_on(tiny_store: Path, archive: Path, out: str, kills: int) -> list[int]:
    """Kill so many starts within the writing of parts; return how many parts were there after each."""
    chance = random.Random(kills)  # noqa: S311 - no secret
    found = []
    for _ in range(kills):
        process = begin(tiny_store, archive, out)
        before = len(parts_of(out))
        deadline = time.monotonic() + 60
        while len(parts_of(out)) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.03))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert {len(rows) for rows in split(rows_of(out))} <= {PART_FILMS}  # every part can be read, and is whole
        found.append(len(parts_of(out)))
    return found


def split(rows: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    return [rows[start : start + PART_FILMS] for start in range(0, len(rows), PART_FILMS)]


def check_finished(tiny_store: Path, archive: Path, out: str, kills: int) -> None:
    found = kill_and_go_on(tiny_store, archive, out, kills)
    print(f"parts of {FILMS // PART_FILMS} after each kill: {found}")
    kept = parts_of(out)
    process = begin(tiny_store, archive, out)
    output, errors = process.communicate(timeout=120)

    assert process.returncode == 0, errors
    assert found[0] < FILMS // PART_FILMS  # it was killed in the middle
    assert paths_of(out) == archive.with_suffix(".txt").read_text().splitlines()
    finished = parts_of(out)
    assert {name: finished[name] for name in kept} == kept
    assert f"{FILMS - len(kept) * PART_FILMS} films scored, 0 failed." in output


def test_killed_it_goes_on_without_a_film_lost_or_twice(tiny_store: Path, archive: Path, tmp_path: Path) -> None:
    """What was written stays as it was."""
    check_finished(tiny_store, archive, f"{tmp_path}/parts/", kills=1)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["folder", "S3"])
def test_killed_ten_times_it_goes_on_without_a_film_lost_or_twice(
    tiny_store: Path, archive: Path, store: ObjectStore, tmp_path: Path, kind: str
) -> None:
    out = f"{tmp_path}/parts/" if kind == "folder" else "s3://films/killed-ten-times/"
    check_finished(tiny_store, archive, out, kills=10)


def test_killed_before_any_step_a_part_is_whole_or_absent(tmp_path: Path) -> None:
    """And the next start leaves nothing else behind."""
    ended = subprocess.run(
        [sys.executable, "-c", STEPS, str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) > 4
    assert set(lines) == {"True 100000 part"}
