"""Hands films to one worker thread a core, which decodes, shrinks and infers each in one go.

Films are not batched: at float32 a film in a batch of 32 costs as much as alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any, Generic, TypeVar

from app.errors import DeadlineExceeded, NotReady
from app.inference.work_queue import WorkQueue

T = TypeVar("T")
_WARM_SECONDS = 600.0
_NICER = 5
_CLOSING = "The service is closing. Try again later."


class Job(Generic[T]):
    """Work whose result a coroutine awaits; `do` runs in a worker, all else in the event loop's thread."""

    def __init__(self, work: Callable[[], T], deadline: float, done: Callable[[], None]) -> None:
        self._work: Callable[[], T] | None = work
        self._deadline, self._done = deadline, done
        # Acquired once: by the worker, or by who drops the work before.
        self._claim = threading.Lock()
        self._queued = monotonic()
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[tuple[T, float]] = self._loop.create_future()
        self._expiry = self._loop.call_later(deadline - self._queued, self._expire)

    def do(self) -> None:
        """Do the work, unless it was dropped."""
        if not self._claim.acquire(blocking=False):
            return
        result: tuple[T, float] | None = None
        error: BaseException | None = None
        begun = monotonic()
        if begun > self._deadline or self._work is None:
            error = DeadlineExceeded("The deadline passed while the film waited for a worker. Try again later.")
        else:
            try:
                result = self._work(), begun - self._queued
            except BaseException as raised:  # the caller's
                error = raised
        self._work = None
        try:
            # One call a film: each wakes the loop up.
            self._loop.call_soon_threadsafe(self._end, result, error)
        except RuntimeError:  # the loop is closed
            pass
        finally:
            del result, error

    def drop(self, error: BaseException | None = None) -> None:
        """Raise `error` in whoever awaits the result; work that has not begun is over."""
        self._expiry.cancel()
        if self._claim.acquire(blocking=False):
            self._work = None
            self._done()
        if error is not None and not self.result.done():
            self.result.set_exception(error)

    def _expire(self) -> None:
        self.drop(DeadlineExceeded("The deadline passed before the film was read. Try again later."))

    def _end(self, result: tuple[T, float] | None, error: BaseException | None) -> None:
        self._done()
        self._expiry.cancel()
        if self.result.done():
            return  # dropped
        if result is not None:
            self.result.set_result(result)
        elif error is not None:
            self.result.set_exception(error)


class Scheduler:
    """A queue in front of `workers` threads."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        # Not an executor, whose futures and locks would double the cost of a request's way to a worker.
        self._queue: WorkQueue[Job[Any] | None] = WorkQueue()  # None ends a worker
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    async def run(
        self,
        work: Callable[[], T],
        *,
        deadline: float,
        done: Callable[[], None],
        gone: asyncio.Future[None] | None = None,
    ) -> tuple[T, float]:
        """Do work in the next free worker.

        Args:
            work: called in one thread.
            deadline: by `time.monotonic()`; work not begun by then is dropped, a later result discarded.
            done: called once, when the work is over or dropped.
            gone: fails when nobody waits any longer: work not begun is dropped, and its error raised here.

        Returns:
            What `work` returned, and the seconds that it waited for a worker.

        Raises:
            DeadlineExceeded: the deadline passed.
            NotReady: the scheduler is closed.
        """
        if self._is_closed:
            done()
            raise NotReady(_CLOSING)
        if not self._threads:
            self._begin()
        job = Job(work, deadline, done)
        self._queue.put(job)
        if gone is not None:
            gone.add_done_callback(lambda ended: None if ended.cancelled() else job.drop(ended.exception()))
        try:
            return await job.result
        finally:
            job.drop()

    async def warm(self, work: Callable[[], object]) -> None:
        """Do work once in every worker: a thread's first film would wait for what it sets up."""
        barrier = threading.Barrier(self.workers)

        def start() -> None:
            barrier.wait()
            work()

        deadline = monotonic() + _WARM_SECONDS
        await asyncio.gather(*(self.run(start, deadline=deadline, done=lambda: None) for _ in range(self.workers)))

    def close(self) -> None:
        """Drop what waits and let the workers end."""
        self._is_closed = True
        for job in self._queue.take_all():
            if job is not None:
                job.drop(NotReady(_CLOSING))
        for _ in self._threads:
            self._queue.put(None)

    def join(self, seconds: float) -> bool:
        """Wait until the workers have ended, after `close`; return whether they did within `seconds`.

        A worker frees its copy of the network as it ends. Were the interpreter to end meanwhile, it would end that
        thread in the middle of OpenVINO's code, and the process would crash.
        """
        until = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _begin(self) -> None:
        for number in range(self.workers):
            # Daemons: a service that was never closed keeps no process alive.
            thread = threading.Thread(target=_work, args=(self._queue,), name=f"film_{number}", daemon=True)
            thread.start()
            self._threads.append(thread)


def _work(queue: WorkQueue[Job[Any] | None]) -> None:
    mine: SimpleQueue[Job[Any] | None] = SimpleQueue()
    _give_way()
    while (job := queue.get(mine)) is not None:
        job.do()
        # Else the last film is kept until the next.
        del job


def _give_way() -> None:
    """Let the event loop's thread have a core when it wants one: its work is a tenth of a film's.

    Only on Linux does setpriority(2) change one thread. Where it is forbidden, all stay equal.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)
