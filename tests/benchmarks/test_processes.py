"""Servers are measured as process trees, and leave nothing behind."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.processes import continued, end_tree, free_port, peak_megabytes, serving, stopped, tree


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
    wait_for(lambda: not any(is_running(member) for member in members))
    assert tree(process.pid) == []


def is_running(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_server_that_ends_at_once_is_an_error_with_what_it_printed(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no model here')"]
    with pytest.raises(RuntimeError, match="no model here"), serving(command, free_port(), {}, tmp_path, "/"):
        pass


def test_a_server_is_waited_for_and_ended(tmp_path):
    """Inside, it answers, and its CPU and memory can be read; outside, it is gone."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with serving(command, port, {}, tmp_path, "/") as server:
        assert server.ready_seconds > 0
        assert server.cpu_seconds() >= server.main_thread_seconds() > 0
        assert peak_megabytes(server.process.pid) > 1
    assert server.process.poll() is not None


def test_the_peak_of_memory_stays_when_it_is_freed():
    code = "data = b'x' * 50_000_000; del data; print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert peak_megabytes(process.pid) > 50 > psutil.Process(process.pid).memory_info().rss / 1e6


def test_a_stopped_tree_is_continued_meanwhile_and_afterwards():
    process = subprocess.Popen(["/bin/sh", "-c", "sleep 60 & wait"], start_new_session=True)

    def states():
        return {member.status() for member in tree(process.pid)}

    try:
        wait_for(lambda: len(tree(process.pid)) == 2)
        with stopped(process.pid):
            wait_for(lambda: states() == {psutil.STATUS_STOPPED})
            with continued(process.pid):
                wait_for(lambda: psutil.STATUS_STOPPED not in states())
            wait_for(lambda: states() == {psutil.STATUS_STOPPED})
        wait_for(lambda: psutil.STATUS_STOPPED not in states())
    finally:
        end_tree(process)
