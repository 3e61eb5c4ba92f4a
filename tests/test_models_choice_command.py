"""`pneumoserve models promote` and `rollback`, and a signal to the service."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.running import wait_until
from tests.serving import ROOT, environment, served


def models(*arguments: str, store: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "pneumoserve.py"), "models", *arguments]
    env = environment(MODEL_STORE=store, **variables)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)


@pytest.fixture
def store(tiny_store: Path, tmp_path: Path) -> Path:
    """With a second version of the default network."""
    store = Path(shutil.copytree(tiny_store, tmp_path / "store"))
    second = Path(shutil.copytree(store / "pooled" / "1", store / "pooled" / "2"))
    manifest = json.loads((second / "model.json").read_text())
    (second / "model.json").write_text(json.dumps(manifest | {"version": "2"}))
    return store


def chosen(store: Path) -> str:
    return (store / "DEFAULT").read_text().strip()


def test_a_model_is_promoted_and_rolled_back_under_a_running_service(store: Path) -> None:
    with served(MODEL_STORE=store) as process:

        def version() -> str:
            return str(httpx.get(f"{process.url}/health").json()["model"]["version"])

        done = models("promote", "pooled/2", store=store)
        assert (done.returncode, done.stdout, done.stderr) == (0, "pooled/2 is chosen.\n", "")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: version() == "2")
        done = models("rollback", store=store)
        assert (done.returncode, done.stdout) == (0, "pooled/1 is chosen.\n")
        wait_until(lambda: version() == "1")


def test_rollback_takes_a_name_and_says_where_there_is_none_before(store: Path) -> None:
    assert models("rollback", "tanh/1", store=store).returncode == 0
    assert chosen(store) == "tanh/1"
    done = models("rollback", store=store)
    assert (done.returncode, chosen(store)) == (2, "tanh/1")
    assert "before tanh/1" in done.stderr


@pytest.mark.parametrize("name", ["absent/1", "pooled", "pooled/9"])
def test_what_is_no_whole_name_is_refused(store: Path, name: str) -> None:
    done = models("promote", name, store=store)
    assert (done.returncode, chosen(store)) == (2, "pooled/1")
    assert len(done.stderr.splitlines()) == 1


def test_a_half_copied_entry_is_not_chosen(store: Path) -> None:
    (store / "pooled" / "2" / "golden.json").unlink()
    assert models("promote", "pooled/2", store=store).returncode == 2
    (store / "pooled" / "2" / "serving" / "model.bin").write_bytes(b"")
    assert models("promote", "pooled/2", store=store).returncode == 2
    assert chosen(store) == "pooled/1"


def test_a_pinned_model_is_said(store: Path) -> None:
    done = models("promote", "pooled/2", store=store, MODEL="pooled/1")
    assert (done.returncode, chosen(store)) == (0, "pooled/2")
    assert "PNEUMOSERVE_MODEL=pooled/1" in done.stderr
