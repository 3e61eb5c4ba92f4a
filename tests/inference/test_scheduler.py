"""Who waits, who works, and what is dropped."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from app.errors import DeadlineExceeded, NotReady, UndecodableImage
from app.inference.scheduler import Scheduler


class Done:
    """Counts how often it is called, and from which thread."""

    def __init__(self) -> None:
        self.threads = []

    def __call__(self) -> None:
        self.threads.append(threading.current_thread())


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """Two workers, closed at the end."""
    scheduler = Scheduler(2)
    yield scheduler
    scheduler.close()
    assert scheduler.join(20)


async def settled(done: Done, calls: int = 1) -> int:
    """Give what was told from another thread the time to arrive, and anything more too."""
    for _ in range(200):
        if len(done.threads) >= calls:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)
    return len(done.threads)


def test_a_piece_of_work_gives_its_result_and_how_long_it_waited(scheduler: Scheduler) -> None:
    """And says once that it is over, in the thread of the event loop."""
    done = Done()

    async def main() -> Any:
        result, waited = await scheduler.run(lambda: "answer", deadline=monotonic() + 5, done=done)
        return result, waited, await settled(done)

    result, waited, calls = asyncio.run(main())
    assert (result, calls, done.threads) == ("answer", 1, [threading.main_thread()])
    assert 0 <= waited < 1


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_workers_give_way_to_the_event_loop(scheduler: Scheduler) -> None:
    """So that a refusal does not wait for a film; other threads keep their priority."""

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = priority()
    worker, _ = asyncio.run(scheduler.run(priority, deadline=monotonic() + 5, done=Done()))
    assert (worker, priority()) == (min(before + 5, 19), before)


def test_an_error_of_the_work_is_the_callers(scheduler: Scheduler) -> None:
    """As it was raised, and it is over once."""
    done = Done()

    def fail() -> None:
        raise UndecodableImage("cut")

    async def main() -> Any:
        with pytest.raises(UndecodableImage, match="cut"):
            await scheduler.run(fail, deadline=monotonic() + 5, done=done)
        return await settled(done)

    assert asyncio.run(main()) == 1


def test_never_more_at_once_than_there_are_workers(scheduler: Scheduler) -> None:
    """Twenty films, two workers: two at a time, each in a thread of the pool."""
    lock, at_once, seen, names = threading.Lock(), 0, [], set()
    pause = threading.Event()

    def work() -> Any:
        nonlocal at_once
        with lock:
            at_once += 1
            seen.append(at_once)
            names.add(threading.current_thread().name)
        pause.wait(0.01)
        with lock:
            at_once -= 1
        return len(seen)

    async def main() -> Any:
        jobs = [scheduler.run(work, deadline=monotonic() + 10, done=Done()) for _ in range(20)]
        return await asyncio.gather(*jobs)

    assert len(asyncio.run(main())) == 20
    assert (max(seen), len(seen), names) == (2, 20, {"film_0", "film_1"})


def test_work_not_begun_by_the_deadline_is_dropped(scheduler: Scheduler) -> None:
    """It is never done, its caller is told at the deadline, and it is over once."""
    hold, worked, done, blocking = threading.Event(), [], Done(), Done()

    async def main() -> Any:
        blocked = [
            asyncio.create_task(scheduler.run(hold.wait, deadline=monotonic() + 10, done=blocking)) for _ in range(2)
        ]
        await asyncio.sleep(0)  # they are queued
        with pytest.raises(DeadlineExceeded):
            await scheduler.run(lambda: worked.append(1), deadline=monotonic() + 0.1, done=done)
        over = await settled(done)
        hold.set()
        await asyncio.gather(*blocked)
        return over, await settled(blocking, 2)

    assert asyncio.run(main()) == (1, 2)
    assert worked == []


def test_a_deadline_that_has_passed_already_starts_nothing(scheduler: Scheduler) -> None:
    """The work is not begun for an answer that nobody may have."""
    worked, done = [], Done()

    async def main() -> Any:
        with pytest.raises(DeadlineExceeded):
            await scheduler.run(lambda: worked.append(1), deadline=monotonic() - 1, done=done)
        return await settled(done)

    assert (asyncio.run(main()), worked) == (1, [])


def test_work_that_outlasts_the_deadline_is_over_only_when_it_ends(scheduler: Scheduler) -> None:
    """The caller is told at the deadline; the place in flight is free when the worker is."""
    begun, hold, done = threading.Event(), threading.Event(), Done()

    def work() -> Any:
        begun.set()
        hold.wait(10)

    async def main() -> Any:
        with pytest.raises(DeadlineExceeded):
            await scheduler.run(work, deadline=monotonic() + 0.5, done=done)
        before = len(done.threads)
        hold.set()
        return before, await settled(done)

    assert asyncio.run(main()) == (0, 1)
    assert begun.is_set()


def test_a_caller_who_goes_away_leaves_the_place_free(scheduler: Scheduler) -> None:
    """Cancelled while waiting: the work is dropped and over once."""
    hold, worked, done = threading.Event(), [], Done()

    async def main() -> Any:
        blocked = [
            asyncio.create_task(scheduler.run(hold.wait, deadline=monotonic() + 10, done=Done())) for _ in range(2)
        ]
        waiting = asyncio.create_task(scheduler.run(lambda: worked.append(1), deadline=monotonic() + 10, done=done))
        await asyncio.sleep(0.05)
        waiting.cancel()
        over = await settled(done)
        hold.set()
        await asyncio.gather(*blocked)
        return over, waiting.cancelled()

    assert asyncio.run(main()) == (1, True)
    assert worked == []


def test_a_caller_who_is_known_to_be_gone_leaves_the_place_free(scheduler: Scheduler) -> None:
    """The work is dropped, the error raised, and it is over once."""
    hold, worked, done = threading.Event(), [], Done()

    async def main() -> Any:
        blocked = [
            asyncio.create_task(scheduler.run(hold.wait, deadline=monotonic() + 10, done=Done())) for _ in range(2)
        ]
        await asyncio.sleep(0)  # they are queued
        gone = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(
            scheduler.run(lambda: worked.append(1), deadline=monotonic() + 10, done=done, gone=gone)
        )
        await asyncio.sleep(0)
        gone.set_exception(ConnectionError())
        with pytest.raises(ConnectionError):
            await waiting
        over = await settled(done)
        hold.set()
        await asyncio.gather(*blocked)
        return over

    assert asyncio.run(main()) == 1
    assert worked == []


def test_close_drops_what_waits(scheduler: Scheduler) -> None:
    """What is being done is finished, what waits is not begun, what comes later is not taken: each is over once."""
    hold, worked = threading.Event(), []
    running, waiting, late = Done(), Done(), Done()

    async def main() -> Any:
        blocked = [
            asyncio.create_task(scheduler.run(lambda: hold.wait(10), deadline=monotonic() + 10, done=running))
            for _ in range(2)
        ]
        dropped = asyncio.create_task(scheduler.run(lambda: worked.append(1), deadline=monotonic() + 10, done=waiting))
        await asyncio.sleep(0.05)
        scheduler.close()
        over = await settled(waiting)
        with pytest.raises(NotReady):
            await scheduler.run(lambda: worked.append(2), deadline=monotonic() + 10, done=late)
        hold.set()
        await asyncio.gather(*blocked)
        await asyncio.wait([dropped])
        return over, len(late.threads), await settled(running, 2)

    assert asyncio.run(main()) == (1, 1, 2)
    assert worked == []


class Slow:
    """Takes a while to free, as a compiled network does."""

    freed = 0

    def __del__(self) -> None:
        time.sleep(0.2)
        Slow.freed += 1


def test_after_join_what_the_workers_held_is_freed(scheduler: Scheduler) -> None:
    """Else the interpreter ends under them, and the process with a signal."""
    held, others = threading.local(), set(threading.enumerate())

    async def hold() -> None:
        await scheduler.warm(lambda: setattr(held, "network", Slow()))

    asyncio.run(hold())
    workers = set(threading.enumerate()) - others
    scheduler.close()
    assert scheduler.join(20)
    assert len(workers) == Slow.freed == 2
    assert not any(worker.is_alive() for worker in workers)


def test_join_waits_no_longer_than_it_may(scheduler: Scheduler) -> None:
    begun, release = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait()

    async def begin() -> None:
        task = asyncio.create_task(scheduler.run(work, deadline=monotonic() + 60, done=lambda: None))
        assert await asyncio.to_thread(begun.wait, 20)
        task.cancel()

    asyncio.run(begin())
    scheduler.close()
    assert not scheduler.join(0.05)
    release.set()
    assert scheduler.join(20)


def test_every_worker_is_warmed_once(scheduler: Scheduler) -> None:
    """Each in its own thread, all at once."""
    names = []
    asyncio.run(scheduler.warm(lambda: names.append(threading.current_thread().name)))
    assert sorted(names) == ["film_0", "film_1"]
