"""Hands films to one worker a core. Each is decoded, shrunk and inferred in one go, in one thread.

Batching is left out on purpose: at float32 a film in a batch of 32 costs what a film alone costs.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TypeVar

import cv2

from app.errors import DeadlineExceeded, NotReady

T = TypeVar("T")
_CLOSING = "The service is closing. Try again later."


def granted_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that this process may use: its affinity, cut to the container's CPU quota, at least 1.

    Args:
        cgroup: where the control group's files are (version 2 `cpu.max`, version 1 `cpu/cpu.cfs_quota_us`).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return cores
    # "max" and "-1" stand for no quota.
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return cores
    return max(1, min(cores, int(quota) // int(period)))


class Scheduler:
    """A queue in front of `workers` threads."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        # One film a thread: OpenCV's own threads would only compete with the other films.
        cv2.setNumThreads(1)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="film")

    async def run(self, work: Callable[[], T], *, deadline: float, done: Callable[[], None]) -> tuple[T, float]:
        """Do a piece of work in the next free worker.

        Args:
            work: what to do, in one thread.
            deadline: by `time.monotonic()`; work that has not begun by then is dropped, and an answer that
                comes later is given up.
            done: called once when the work is over or dropped, also where nobody waits for it any more.

        Returns:
            What `work` returned, and the seconds that it waited for a worker.

        Raises:
            DeadlineExceeded: the deadline passed.
            NotReady: the scheduler is closed.
        """
        queued = monotonic()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[T, float]] = loop.create_future()

        def start() -> tuple[T, float]:
            begun = monotonic()
            if begun > deadline:
                raise DeadlineExceeded("The deadline passed while the film waited for a worker. Try again later.")
            return work(), begun - queued

        def settle(worked: Future[tuple[T, float]]) -> None:
            done()
            if answer.done():
                return  # nobody waits for it any more
            if worked.cancelled():
                answer.set_exception(NotReady(_CLOSING))
            elif error := worked.exception():
                answer.set_exception(error)
            else:
                answer.set_result(worked.result())

        try:
            queueing = self._pool.submit(start)
        except RuntimeError:
            done()
            raise NotReady(_CLOSING) from None
        # One call into the loop a film: each wakes it up.
        queueing.add_done_callback(lambda worked: _tell(loop, partial(settle, worked)))
        try:
            async with asyncio.timeout(deadline - queued):
                return await answer
        except TimeoutError:
            raise DeadlineExceeded("The deadline passed before the film was read. Try again later.") from None
        finally:
            # Drops work that nobody waits for and that has not begun; does nothing to any other.
            queueing.cancel()

    async def warm(self, work: Callable[[], object]) -> None:
        """Do a piece of work once in every worker, so that no film waits for what a thread makes at its first."""
        barrier = threading.Barrier(self.workers)

        def start() -> None:
            barrier.wait()
            work()

        await asyncio.gather(*(asyncio.wrap_future(self._pool.submit(start)) for _ in range(self.workers)))

    def close(self) -> None:
        """Drop what waits and let the workers end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
