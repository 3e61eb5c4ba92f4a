"""Servers are watched through /proc, and leave nothing behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import (
    end_tree,
    free_port,
    going_on,
    parse_megabytes,
    parse_stat,
    serving,
    stopped,
    tree,
)

TICKS = os.sysconf("SC_CLK_TCK")


def test_a_name_with_brackets_does_not_shift_the_fields():
    """User and system time, of the process and of its ended children, are added up."""
    fields = ["S", "7", *"000000000", "100", "20", "3", "4", *"0000", "12345", "0"]
    stat = parse_stat(f"42 (a ) name (b) {' '.join(fields)}\n")
    assert (stat.parent, stat.cpu_seconds, stat.began) == (7, 127 / TICKS, 12345)


def test_memory_is_read_in_megabytes_and_a_zombie_has_none():
    """`/proc/PID/status` counts in kB of 1,024 bytes."""
    assert parse_megabytes("Name:\tx\nVmHWM:\t    1000 kB\nVmRSS:\t  500 kB\n", "VmHWM") == pytest.approx(1.024)
    assert parse_megabytes("Name:\tx\nState:\tZ (zombie)\n", "VmHWM") == 0


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_tree_holds_children_and_their_children_and_ends_whole():
    """The grandchildren ignore that their parent is gone: they are killed."""
    process = subprocess.Popen(["/bin/sh", "-c", "sh -c 'sleep 60 & sleep 60 & wait' & wait"], start_new_session=True)
    wait_for(lambda: len(tree(process.pid)) == 4)
    members = tree(process.pid)
    assert set(members) < set(tree(os.getpid()))
    end_tree(process)
    wait_for(lambda: not any(is_running(pid) for pid in members))


def is_running(pid):
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_server_that_ends_at_once_is_an_error_that_says_what_it_printed(tmp_path):
    """Nobody has to look for its log."""
    command = [sys.executable, "-c", "raise SystemExit('no model here')"]
    with (
        pytest.raises(RuntimeError, match="no model here"),
        serving(command, free_port(), environment={}, cwd=tmp_path),
    ):
        pass


def test_a_server_is_waited_for_and_ended(tmp_path):
    """Inside, it answers and its CPU and memory can be read; outside, it is gone."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with serving(command, port, environment={}, cwd=tmp_path, health="/") as server:
        assert server.ready_seconds > 0
        assert server.cpu_seconds() > 0
        assert server.peak_megabytes() >= server.megabytes() > 1
    assert server.process.poll() is not None
    assert tree(server.process.pid) == {}


def test_a_stopped_tree_goes_on_meanwhile_and_afterwards():
    """The load generators of a comparison take turns so, and none is left stopped."""
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 60 & wait"], start_new_session=True)

    def states():
        told = [Path(f"/proc/{pid}/status").read_text() for pid in tree(process.pid)]
        return {line.split()[1] for status in told for line in status.splitlines() if line.startswith("State:")}

    try:
        wait_for(lambda: len(tree(process.pid)) == 2)
        with stopped(process.pid):
            wait_for(lambda: states() == {"T"})
            with going_on(process.pid):
                wait_for(lambda: "T" not in states())
            wait_for(lambda: states() == {"T"})
        wait_for(lambda: "T" not in states())
    finally:
        end_tree(process)
