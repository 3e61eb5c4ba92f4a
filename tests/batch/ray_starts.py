"""How tests start the command on Ray, and what they read of its parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from batch.destinations import open_destination
from tests.batch.archives import rows_of

ROOT = Path(__file__).parents[2]
SECONDS = 600.0  # for what takes 20 s on a quiet machine
_CLUSTER = """if True:
    import sys
    from ray.cluster_utils import Cluster

    machine = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=machine | {"num_cpus": int(sys.argv[1])})
    others = [cluster.add_node(num_cpus=int(cpus), object_store_memory=80 * 2**20) for cpus in sys.argv[2:]]
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(others.pop(), allow_graceful=False)
        print("lost", flush=True)
    cluster.shutdown()
"""


@dataclass(frozen=True)
class Starts:
    """Starts commands with one environment; `out` is where their parts go."""

    environment: dict[str, str]
    store: Path
    manifest: Path
    out: str

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start `pneumoserve score MANIFEST --out OUT --in-process` with more options."""
        command = [sys.executable, "pneumoserve.py", "score", str(self.manifest), "--out", self.out, "--in-process"]
        return self._open([*command, "--model-store", str(self.store), *options])

    def ended(self, *options: str) -> tuple[int, str, str]:
        """Start, and return the exit status and what was printed, on standard output and error."""
        command = self.start(*options)
        printed, warned = command.communicate(timeout=SECONDS)
        return command.returncode, printed, warned

    @contextmanager
    def cluster(self, *cpus: int) -> Iterator[tuple[str, Any]]:
        """Run a cluster of machines with so many CPUs each; yield its address, and what makes it lose the last one."""
        process = self._open([sys.executable, "-c", _CLUSTER, *map(str, cpus)])
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        started = family(process)

        def lose() -> None:
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline().strip() == "lost"

        try:
            yield address, lose
        finally:
            _, warned = process.communicate("", timeout=SECONDS)
            assert process.returncode == 0, warned
            assert_gone(started)

    def _open(self, command: list[str]) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, text=True, **pipes)

    def results(self) -> list[dict[str, Any]]:
        """Return the rows of all parts, without the time that each film took."""
        return [row | {"seconds": None} for row in rows_of(self.out)]

    def wait_for_parts(self, number: int, command: subprocess.Popen[str]) -> None:
        """Wait until so many parts are written; fail where the command ends before."""
        deadline = time.monotonic() + SECONDS
        while len(open_destination(self.out).names()) - 1 < number:
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return a process and all that descend from it."""
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def assert_gone(processes: list[psutil.Process]) -> None:
    """Fail where one is still there after a minute or more."""
    _, alive = psutil.wait_procs(processes, timeout=SECONDS / 2)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command as the system does that has no memory left."""
    with process:  # closes its pipes, which a child may hold open
        os.kill(process.pid, signal.SIGKILL)
