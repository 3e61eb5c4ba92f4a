"""Killed at any step that reaches the disk, the same command again makes the result right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.batch.stand_in import StandIn

# One process imports everything, and forks for each start: single-threaded, it may.
STARTS = """
import os, shutil, signal, sys
from pathlib import Path
from batch.retry import RetryPolicy
from batch.score import score

url, folder, kind = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
films, out = folder / "films", folder / "out.csv"
STEPS = ["fsync", "replace", "rename", "unlink", "truncate", "open"]


def kill_at(step):
    count = 0
    def counted(call):
        def wrapped(*arguments, **options):
            nonlocal count
            # Opening counts where it may make or empty a file; after the call, and before it.
            if call is not REAL["open"] or arguments[1] & os.O_CREAT:
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return wrapped
    REAL = {name: getattr(os, name) for name in STEPS}
    for name in STEPS:
        setattr(os, name, counted(REAL[name]))


def start(step, **options):
    child = os.fork()
    if child == 0:
        try:
            if step:
                kill_at(step)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1), os.dup2(quiet, 2)
            os._exit(score([str(films)], url=url, out=out, policy=RetryPolicy(), **options))
        finally:
            os._exit(99)
    return os.waitpid(child, 0)[1]


def prepare():
    shutil.rmtree(films, ignore_errors=True)
    for left in folder.glob("out.csv*"):
        left.unlink()
    films.mkdir()
    for name in "abc":
        (films / f"{name}.png").write_bytes(f"negative {name}".encode())
    (films / "e.png").symlink_to("nowhere")
    if kind == "fresh":
        return
    if kind == "finished":
        (films / "e.png").unlink()
    start(0)
    (films / "a.png").write_bytes(b"positive a")
    (films / "d.png").write_bytes(b"positive d")
    if kind == "format 1":
        import json
        path = folder / "out.csv.journal"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            for name in ("size", "mtime_ns", "sha256", "relative", "results"):
                line.pop(name, None)
        lines[0]["journal"] = 1
        path.write_text("".join(json.dumps(line) + "\\n" for line in lines))
        os.utime(films / "a.png", (2**32, 2**32))  # newer than the journal


options = {"restart": True} if kind == "restart" else {}
for step in range(1, 100):
    prepare()
    status = start(step, **options)
    was_killed = os.WIFSIGNALED(status)
    left = sorted(path.name for path in folder.glob("out.csv*"))
    if was_killed:
        status = start(0)
    rows = (folder / "out.csv").read_text().splitlines()[1:]
    answers = " ".join(row.split(",")[0][-5] + "=" + (row.split(",")[1] or row.split(",")[10]) for row in rows)
    print(step, was_killed, os.waitstatus_to_exitcode(status), answers, left, sep="|")
    if not was_killed:
        break
"""


@pytest.mark.parametrize(
    "kind",
    [
        "fresh",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("finished", "restart", "format 1")),
        "unfinished",
    ],
)
def test_killed_at_any_step_the_same_command_makes_the_result_right(
    service: StandIn, tmp_path: Path, kind: str
) -> None:
    """Killed before any step that reaches the disk, the same command again makes the result right."""
    command = [sys.executable, "-c", STARTS, service.url, str(tmp_path), kind]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == 0, ended.stderr
    lines = [line.split("|") for line in ended.stdout.splitlines()]
    expected = "a=NORMAL b=NORMAL c=NORMAL e=unreadable-file"
    if kind != "fresh":
        expected = "a=PNEUMONIA b=NORMAL c=NORMAL d=PNEUMONIA" + ("" if kind == "finished" else " e=unreadable-file")

    assert len(lines) > 8
    assert [line[1] for line in lines] == ["True"] * (len(lines) - 1) + ["False"]
    assert {line[3] for line in lines} == {expected}
    assert {line[2] for line in lines} == {"0" if kind == "finished" else "1"}
    left = {line[4] for line in lines}
    assert len(left) > 2  # it was killed in several states
    if kind == "finished":  # while it is at work, nothing looks finished
        assert "['out.csv', 'out.csv.journal']" in left
