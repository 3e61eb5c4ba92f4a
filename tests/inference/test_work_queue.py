"""First come, first served, and of idle workers the warmest first."""

import threading
import time
from queue import SimpleQueue

from app.inference.work_queue import WorkQueue


def resting(queue, taken):
    """Start a worker that takes one item, and wait until it rests."""
    idle = len(queue._idle)
    worker = threading.Thread(target=lambda: taken.append((worker, queue.get(SimpleQueue()))), daemon=True)
    worker.start()
    while len(queue._idle) == idle:
        time.sleep(0.001)
    return worker


def test_what_waits_is_taken_in_the_order_it_came():
    """And counted meanwhile."""
    queue = WorkQueue()
    for item in "abc":
        queue.put(item)
    assert len(queue) == 3
    assert [queue.get(SimpleQueue()) for _ in range(2)] == ["a", "b"]
    assert queue.take_all() == ["c"]
    assert len(queue) == 0


def test_the_worker_that_came_to_rest_last_is_served_first():
    """Each item goes to one of them."""
    queue, taken = WorkQueue(), []
    workers = [resting(queue, taken) for _ in range(3)]
    for worker, item in zip(reversed(workers), "abc", strict=True):
        queue.put(item)
        worker.join(5)
        assert taken.pop() == (worker, item)
    queue.put("d")
    assert len(queue) == 1


def test_nothing_is_lost_or_doubled_among_many_workers():
    """However puts and gets fall together."""
    queue, taken = WorkQueue(), []

    def work():
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
