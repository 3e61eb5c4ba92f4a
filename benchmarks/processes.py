"""Servers as processes: started, watched through /proc, and ended with everything that they started. Linux only."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_READY_SECONDS = 120
_END_SECONDS = 20
_AT_REST = 0.1
"""Share of one core under which a server is taken to have finished what a load left behind."""


class Stat(NamedTuple):
    """What `/proc/PID/stat` tells: the parent, CPU seconds with those of ended children, and when it began."""

    parent: int
    cpu_seconds: float
    began: int


@dataclass(frozen=True)
class Server:
    """A server that answers; `ready_seconds` went by from its start to the first 200 of its health route."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """Answer the CPU seconds of the process tree so far."""
        return sum(stat.cpu_seconds for stat in tree(self.process.pid).values())

    def peak_megabytes(self) -> float:
        """Answer the peaks of resident memory of the tree's processes, summed, in megabytes.

        What processes share is counted in each, and they need not have peaked together: it is an upper bound for
        several processes, and exact for one.
        """
        return sum(_read_megabytes(pid, "VmHWM") for pid in tree(self.process.pid))

    def megabytes(self) -> float:
        """Answer the resident memory of the tree now, in megabytes, counted as in `peak_megabytes`."""
        return sum(_read_megabytes(pid, "VmRSS") for pid in tree(self.process.pid))

    def rest(self, seconds: float = 6) -> None:
        """Wait until the requests that a load generator left behind are worked off."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(0.3)
            if self.cpu_seconds() - before < 0.3 * _AT_REST:
                return


def parse_stat(text: str) -> Stat:
    """Read the line of `/proc/PID/stat`; a process may have spaces and brackets in its name."""
    fields = text.rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[11:15])
    return Stat(int(fields[1]), ticks / _TICKS_PER_SECOND, int(fields[19]))


def tree(root: int) -> dict[int, Stat]:
    """Answer a process and all that descend from it; empty where there is none."""
    stats: dict[int, Stat] = {}
    for entry in _PROC.iterdir():
        # A process may end while it is read.
        with suppress(OSError):
            if entry.name.isdecimal():
                stats[int(entry.name)] = parse_stat((entry / "stat").read_text())
    found = {root: stats[root]} if root in stats else {}
    fresh = set(found)
    while fresh:
        fresh = {pid for pid, stat in stats.items() if stat.parent in fresh and pid not in found}
        found.update({pid: stats[pid] for pid in fresh})
    return found


def free_port() -> int:
    """Answer a port of the loopback interface on which nobody listens."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def die_with_us(command: Sequence[str]) -> list[str]:
    """Have the kernel end a command when the process that started it is gone, killed even, where `setpriv` is."""
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "TERM"] if setpriv else []), *command]


@contextmanager
def serving(
    command: Sequence[str], port: int, *, environment: Mapping[str, str], cwd: Path, health: str = "/health"
) -> Iterator[Server]:
    """Start a server, wait until it is ready, and end it and all of its descendants afterwards, whatever happens.

    Args:
        command: what starts it.
        port: where it will listen, on loopback.
        environment: all of it.
        cwd: the folder it runs in.
        health: the route that answers 200 when it is ready.

    Raises:
        RuntimeError: it ended, or was not ready in time; the message has the last it printed.
    """
    with tempfile.TemporaryFile() as told:
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own commands
            die_with_us(command), stdout=told, stderr=told, env=environment, cwd=cwd, start_new_session=True
        )
        try:
            while not _is_ready(port, health):
                if process.poll() is not None or time.perf_counter() - begun > _READY_SECONDS:
                    told.seek(0)
                    last = told.read().decode(errors="replace")[-2000:]
                    raise RuntimeError(f"Expected a server that becomes ready: {' '.join(command)}\n{last}")
                time.sleep(0.01)
            yield Server(process, port, time.perf_counter() - begun)
        finally:
            end_tree(process)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end and, should any of its descendants be left, kill those."""
    members = tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    for pid, stat in members.items():
        # Began at the same moment: another process may have got the number since.
        with suppress(OSError):
            if parse_stat((_PROC / str(pid) / "stat").read_text()).began == stat.began:
                os.kill(pid, signal.SIGKILL)
    process.wait()


def stopped(*roots: int) -> AbstractContextManager[None]:
    """Stop processes and all that descend from them, and let them go on afterwards."""
    return _signalled(roots, signal.SIGSTOP, signal.SIGCONT)


def going_on(*roots: int) -> AbstractContextManager[None]:
    """Let processes that are `stopped` go on meanwhile."""
    return _signalled(roots, signal.SIGCONT, signal.SIGSTOP)


@contextmanager
def _signalled(roots: Sequence[int], first: signal.Signals, then: signal.Signals) -> Iterator[None]:
    # Looked up once: what descends from a process that has ended meanwhile could not be found any more.
    members = [pid for root in roots for pid in tree(root)]
    try:
        _signal(members, first)
        yield
    finally:
        _signal(members, then)


def _signal(pids: Sequence[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def _is_ready(port: int, health: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", health)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _read_megabytes(pid: int, field: str) -> float:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0.0
    return parse_megabytes(status, field)


def parse_megabytes(status: str, field: str) -> float:
    """Read a field of `/proc/PID/status` that is given in kB; 0 where it is missing, as in a zombie's."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024 / 1e6
    return 0.0
