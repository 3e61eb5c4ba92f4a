"""Hands films to one worker a core. Each is decoded, shrunk and inferred in one go, in one thread.

Batching is left out on purpose: at float32 a film in a batch of 32 costs what a film alone costs. What is batched is
the event loop's own work: while more films wait than the workers can take soon, its thread rests after an answer and
then does in one go what has come in, as network cards do that hold interrupts back. Between two films each request
alone finds cold caches and takes a core away from a film.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Any, Generic, TypeVar

import cv2

from app.errors import DeadlineExceeded, NotReady, PneumoServeError
from app.inference.memory import keep_freed_memory
from app.inference.work_queue import WorkQueue

T = TypeVar("T")
Settle = Callable[[tuple[T, float] | None, BaseException | None], None]
_WARM_SECONDS = 600.0
_REST_SECONDS = 0.02
_LAST_FILMS = 8
_REST_FILMS = 4
"""Waiting for each worker when the event loop rests: else a worker might find none."""
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


class Job(Generic[T]):
    """A piece of work that somebody waits for. `do` is a worker's; all else happens in the event loop's thread."""

    def __init__(
        self,
        work: Callable[[], T],
        deadline: float,
        done: Callable[[], None],
        settle: Settle[T],
        scheduler: Scheduler,
    ) -> None:
        self._work: Callable[[], T] | None = work
        self._scheduler = scheduler
        self._deadline, self._done = deadline, done
        self._settle: Settle[T] | None = settle
        # Taken once: by the worker who does it, or by who drops it before.
        self._claim = threading.Lock()
        self._queued = monotonic()
        self._loop = asyncio.get_running_loop()
        self._expiry = self._loop.call_later(deadline - self._queued, self._expire)

    def do(self) -> None:
        """Do the work, unless nobody waits for it any more."""
        if not self._claim.acquire(blocking=False):
            return
        answer: tuple[T, float] | None = None
        error: BaseException | None = None
        begun = monotonic()
        if begun > self._deadline or self._work is None:
            error = DeadlineExceeded("The deadline passed while the film waited for a worker. Try again later.")
        else:
            try:
                answer = self._work(), begun - self._queued
            except BaseException as raised:  # whatever it is, it is the caller's
                error = raised
            self._scheduler.film_seconds.append(monotonic() - begun)
        self._work = None
        try:
            # One call into the loop a film: each wakes it up.
            self._loop.call_soon_threadsafe(self._end, answer, error)
        except RuntimeError:  # it is closed, and nobody waits
            pass
        finally:
            del answer, error

    def drop(self) -> Settle[T] | None:
        """Wait no longer, and free the place of work that has not begun; again does nothing and answers None."""
        settle, self._settle = self._settle, None
        self._expiry.cancel()
        if settle is not None and self._claim.acquire(blocking=False):
            self._work = None
            self._done()
        return settle

    def refuse(self, error: PneumoServeError) -> None:
        """Drop it, and say why."""
        if (settle := self.drop()) is not None:
            settle(None, error)

    def _expire(self) -> None:
        self.refuse(DeadlineExceeded("The deadline passed before the film was read. Try again later."))

    def _end(self, answer: tuple[T, float] | None, error: BaseException | None) -> None:
        self._done()
        if (settle := self.drop()) is not None:
            settle(answer, error)
        # Last, so that who was settled has its turn before.
        self._scheduler.rest_soon()


class Scheduler:
    """A queue in front of `workers` threads."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        # One film a thread: OpenCV's own threads would only compete with the other films.
        cv2.setNumThreads(1)
        keep_freed_memory()
        # Not an executor: its futures and locks cost as much as all the rest of a request's way to a worker.
        self._queue: WorkQueue[Job[Any] | None] = WorkQueue()  # None ends a worker
        self._threads: list[threading.Thread] = []
        self._is_closed = self._is_tired = False
        self._awake = 0
        self.film_seconds = deque([0.0], maxlen=_LAST_FILMS)
        """What each of the last films took in its worker."""

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
        future: asyncio.Future[tuple[T, float]] = asyncio.get_running_loop().create_future()

        def settle(answer: tuple[T, float] | None, error: BaseException | None) -> None:
            if future.done():
                return  # nobody waits for it any more
            if answer is None:
                future.set_exception(error or AssertionError("neither an answer nor an error"))
            else:
                future.set_result(answer)

        job = self.submit(work, deadline=deadline, done=done, settle=settle)
        try:
            return await future
        finally:
            job.drop()

    def submit(self, work: Callable[[], T], *, deadline: float, done: Callable[[], None], settle: Settle[T]) -> Job[T]:
        """Do what `run` does without a coroutine, which costs more than some answers.

        Args:
            work: see `run`.
            deadline: see `run`.
            done: see `run`.
            settle: called once, with what `run` returns or None, and with what it raises or None; not after `Job.drop`.

        Raises:
            NotReady: the scheduler is closed.
        """
        if self._is_closed:
            done()
            raise NotReady(_CLOSING)
        if not self._threads:
            self._begin()
        job = Job(work, deadline, done, settle, self)
        self._queue.put(job)
        return job

    def rest_soon(self) -> None:
        """Let the event loop's thread, which must be the caller's, rest after what it has to do now: see the module."""
        if not self._is_tired and not self._awake and len(self._queue) >= _REST_FILMS * self.workers:
            self._is_tired = True
            asyncio.get_running_loop().call_soon(self._rest)

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let the event loop's thread not rest meanwhile, for what needs many turns of it."""
        self._awake += 1
        try:
            yield
        finally:
            self._awake -= 1

    def _rest(self) -> None:
        self._is_tired = False
        if self._awake:
            return
        # At most half of the time after which the workers find no film, should all be as quick as the quickest.
        lasts = len(self._queue) / self.workers * min(self.film_seconds)
        time.sleep(min(_REST_SECONDS, lasts / 2))

    async def warm(self, work: Callable[[], object]) -> None:
        """Do a piece of work once in every worker, so that no film waits for what a thread makes at its first."""
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
                job.refuse(NotReady(_CLOSING))
        for _ in self._threads:
            self._queue.put(None)

    def _begin(self) -> None:
        for number in range(self.workers):
            # Daemons, so that a service that was never closed does not keep its process alive.
            thread = threading.Thread(target=_work, args=(self._queue,), name=f"film_{number}", daemon=True)
            thread.start()
            self._threads.append(thread)


def _work(queue: WorkQueue[Job[Any] | None]) -> None:
    mine: SimpleQueue[Job[Any] | None] = SimpleQueue()
    while (job := queue.get(mine)) is not None:
        job.do()
        # Else the last film would be kept until the next one comes.
        del job
