"""Killed at any step of writing or choosing an entry, or met while it is copied, a model store still loads."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ArtifactRefused, ModelError
from app.inference.artifact import find_entry, list_entries, open_verified
from tests.inference.stores import add_versions

# One process imports everything, and forks for each start: single-threaded, it may.
STARTS = """
import os, random, shutil, signal, sys, time
from pathlib import Path
import numpy as np
import openvino
from app.inference.artifact import find_entry, list_entries, open_verified, read_choice
from app.inference.artifact_writer import finish_entry, staged_entry
from app.inference.manifest import InputSpec, ManifestDraft
from training.publishing.commands import promote

store, times = Path(sys.argv[1]), int(sys.argv[2])
first = find_entry(store, "pooled/1")
films = np.random.default_rng(1).integers(0, 255, (2, 150, 150), np.uint8)


def publish_and_promote():
    taken = first.manifest.model_dump(include=set(ManifestDraft.model_fields) - {"calibration", "input", "maps"})
    spec = InputSpec(**first.manifest.input.model_dump())
    draft = ManifestDraft(calibration={"prevalence": 0.7}, input=spec, maps=first.manifest.maps, **taken)
    with staged_entry(store, "pooled") as staged:
        shutil.copy(first.folder / "model.keras", staged.folder)
        shutil.copytree(first.folder / "serving", staged.folder / "serving")
        finish_entry(staged, draft, films)
    promote(f"pooled/{staged.version}", store)


def kill_at(step):
    count = 0

    def reach():
        nonlocal count
        count += 1
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event, arguments):
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes or event in ("os.mkdir", "os.rename", "os.chmod", "os.remove", "os.rmdir"):
            if str(arguments[0]).startswith(str(store)) or not str(arguments[0]).startswith("/"):
                reach()

    sys.addaudithook(audit)
    real = os.fsync
    os.fsync = lambda file: (reach(), real(file))


def check():
    chosen = find_entry(store)
    for label in list_entries(store):
        open_verified(find_entry(store, label))
    print(chosen.label, *list_entries(store), sep=" ", file=sys.stderr)


def start(work, step=0, seconds=None):
    child = os.fork()
    if child == 0:
        try:
            if step:
                kill_at(step)
            work()
            os._exit(0)
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr)
        finally:
            os._exit(99)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def forget():
    for folder in (store / "pooled").glob("[2-9]*"):
        shutil.rmtree(folder)
    (store / "DEFAULT").write_text("pooled/1")


generator = random.Random(1)
begun = time.monotonic()
start(publish_and_promote)
whole = time.monotonic() - begun
forget()
steps = range(1, 200) if not times else [0] * times
for step in steps:
    status = start(publish_and_promote, step, None if step else generator.uniform(0, whole))
    checked = start(check)
    forget()
    print(step, status, checked, sep="|", flush=True)
    if step and status == 0:
        break
"""


def run_starts(store: Path, times: int) -> tuple[list[list[str]], list[str]]:
    """Return step, exit status and that of the check, for each start; and what each check found."""
    command = [sys.executable, "-c", STARTS, str(store), str(times)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=1800, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == 0, ended.stderr
    lines = [line.split("|") for line in ended.stdout.splitlines() if "|" in line]
    assert {line[2] for line in lines} == {"0"}, ended.stderr
    return lines, ended.stderr.splitlines()


@pytest.fixture
def small_store(tiny_store: Path, tmp_path: Path) -> Path:
    """One network, chosen."""
    shutil.copytree(tiny_store / "pooled", tmp_path / "store" / "pooled")
    shutil.copy(tiny_store / "DEFAULT", tmp_path / "store")
    return tmp_path / "store"


def test_killed_before_any_write_of_publishing_and_promoting_the_store_loads(small_store: Path) -> None:
    """Every entry that is listed loads; the choice is the old or the new one, and what is left is in nobody's way."""
    lines, found = run_starts(small_store, 0)
    assert len(lines) > 10
    assert {line[1] for line in lines[:-1]} == {"-9"}
    assert lines[-1][1] == "0"
    assert found[0] == "pooled/1 pooled/1"
    assert found[-1] == "pooled/2 pooled/1 pooled/2"
    assert set(found[1:-1]) == {"pooled/1 pooled/1", "pooled/1 pooled/1 pooled/2"}
    assert list((small_store / "pooled").glob(".2-*")), "it was never killed within an entry"


@pytest.mark.long
def test_killed_at_any_moment_of_publishing_and_promoting_the_store_loads(small_store: Path) -> None:
    lines, found = run_starts(small_store, 150)
    assert len(lines) == 150
    assert {line[1] for line in lines} <= {"-9", "0"}
    assert len(set(found)) > 1


@pytest.mark.parametrize("seed", range(2))
def test_a_half_copied_entry_is_never_loaded(small_store: Path, seed: int) -> None:
    """Whichever file comes last, and however much of it: it is refused, until it is whole."""
    add_versions(small_store, "pooled", 2)
    whole, copied = small_store.parent / "whole", small_store / "pooled" / "2"
    shutil.move(copied, whole)
    files = [path for path in sorted(whole.rglob("*")) if path.is_file()]
    random.Random(seed).shuffle(files)  # noqa: S311 - an order, no secret
    for number, file in enumerate(files, 1):
        target = copied / file.relative_to(whole)
        target.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        for size in (0, len(content) // 2, len(content) - 2, len(content)):
            target.write_bytes(content[:size])
            if number == len(files) and size == len(content):
                break
            if "pooled/2" in list_entries(small_store):
                with pytest.raises(ArtifactRefused):
                    open_verified(find_entry(small_store, "pooled/2"))
            else:
                with pytest.raises(ModelError):
                    find_entry(small_store, "pooled/2")
            assert find_entry(small_store).label == "pooled/1"
    assert open_verified(find_entry(small_store, "pooled/2")).name == "openvino"
