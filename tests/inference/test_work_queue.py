"""First come, first served; the worker idle for the shortest time takes it."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import Any

from app.inference.work_queue import WorkQueue


class Signalling(SimpleQueue):
    """A queue that reports when its worker waits."""

    def __init__(self) -> None:
        self.waits = threading.Event()

    def get(self) -> Any:
        self.waits.set()
        return super().get()


def start_idle_worker(queue: WorkQueue[Any], taken: list[Any]) -> threading.Thread:
    """Start a worker that takes one item; wait until it is idle."""
    mine = Signalling()
    worker = threading.Thread(target=lambda: taken.append((worker, queue.get(mine))), daemon=True)
    worker.start()
    assert mine.waits.wait(5)
    return worker


def test_what_waits_is_taken_in_the_order_it_came() -> None:
    queue = WorkQueue()
    for item in "abc":
        queue.put(item)
    assert [queue.get(SimpleQueue()) for _ in range(2)] == ["a", "b"]
    assert queue.take_all() == ["c"]
    assert queue.take_all() == []


def test_the_worker_that_became_idle_last_is_served_first() -> None:
    queue, taken = WorkQueue(), []
    workers = [start_idle_worker(queue, taken) for _ in range(3)]
    for worker, item in zip(reversed(workers), "abc", strict=True):
        queue.put(item)
        worker.join(5)
        assert taken.pop() == (worker, item)
    queue.put("d")
    assert queue.take_all() == ["d"]


def test_nothing_is_lost_or_doubled_among_many_workers() -> None:
    queue, taken = WorkQueue(), []

    def work() -> None:
        mine = SimpleQueue()
        while (item := queue.get(mine)) is not None:
            taken.append(item)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for item in range(5000):
        queue.put(item)
    for _ in workers:
        queue.put(None)
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive()
    assert sorted(taken) == list(range(5000))
