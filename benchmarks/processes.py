"""Servers as processes: start, measure, stop, continue and end whole process trees. Linux only."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

_READY_SECONDS = 120
_END_SECONDS = 20
_Signal = Literal["suspend", "resume", "kill"]


@dataclass(frozen=True)
class Server:
    """A server that answers; `ready_seconds` from its start to the first 200 of its health route."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the process tree, ended children included."""
        total = 0.0
        for process in tree(self.process.pid):
            with suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total

    def main_thread_seconds(self) -> float:
        """Return the CPU seconds of the main thread, uvicorn's event loop."""
        threads = psutil.Process(self.process.pid).threads()
        return float(sum(one.user_time + one.system_time for one in threads if one.id == self.process.pid))

    def wait_until_idle(self, seconds: float = 6) -> None:
        """Wait for the requests left by a load, at most `seconds`."""
        end = time.monotonic() + seconds
        before, now = 0.0, self.cpu_seconds()
        while now - before > 0.03 and time.monotonic() < end:
            time.sleep(0.3)
            before, now = now, self.cpu_seconds()


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; none where it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def peak_megabytes(pid: int) -> float:
    """Return the sum of a tree's peak resident memories (VmHWM) in MB: an upper bound of the common peak."""
    status = "".join(Path(f"/proc/{member.pid}/status").read_text() for member in tree(pid))
    return sum(map(int, re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE))) * 1024 / 1e6


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def bound_to_us(command: Sequence[str]) -> list[str]:
    """Return a command that the kernel kills with the benchmark, where `setpriv` is installed."""
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "KILL"] if setpriv else []), *command]


@contextmanager
def serving(
    command: Sequence[str], port: int, environment: Mapping[str, str], cwd: Path, health: str
) -> Iterator[Server]:
    """Start a server, wait until it is ready, end its tree; RuntimeError with its output where it fails."""
    with tempfile.TemporaryFile() as output:
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own commands
            bound_to_us(command), stdout=output, stderr=output, env=environment, cwd=cwd, start_new_session=True
        )
        try:
            while not is_ok(port, health):
                if process.poll() is not None or time.perf_counter() - begun > _READY_SECONDS:
                    output.seek(0)
                    end = output.read().decode(errors="replace")[-2000:]
                    raise RuntimeError(f"Expected a server that becomes ready: {' '.join(command)}\n{end}")
                time.sleep(0.01)
            yield Server(process, port, time.perf_counter() - begun)
        finally:
            end_tree(process)


def end_tree(process: subprocess.Popen[Any]) -> None:
    """Terminate a process, and kill remaining descendants."""
    members = tree(process.pid)
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    _signal(members, "kill")
    process.wait()


def stopped(*pids: int) -> AbstractContextManager[None]:
    """Stop process trees (SIGSTOP); continue them afterwards."""
    return _signalled(pids, "suspend", "resume")


def continued(*pids: int) -> AbstractContextManager[None]:
    """Continue `stopped` process trees; stop them afterwards."""
    return _signalled(pids, "resume", "suspend")


@contextmanager
def _signalled(pids: Sequence[int], first: _Signal, then: _Signal) -> Iterator[None]:
    members = [member for pid in pids for member in tree(pid)]
    try:
        _signal(members, first)
        yield
    finally:
        _signal(members, then)


def _signal(members: Sequence[psutil.Process], name: _Signal) -> None:
    for member in members:
        with suppress(psutil.NoSuchProcess):
            getattr(member, name)()


def is_ok(port: int, path: str) -> bool:
    """Return whether a GET on a new connection is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    return False
