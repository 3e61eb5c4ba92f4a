"""The bare loop: decode, shrink and infer in threads, without a server; throughputs are divided by its own.

`python -m benchmarks.limit LISTING NAME/VERSION THREADS ours|cv2` reads seconds, one number a line; for each it loops
over the listed films and prints a JSON object.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.inference.artifact import find_entry
from app.inference.engine import Engine
from app.process import prepare_process
from benchmarks.films import ROOT, STORE
from benchmarks.processes import bound_to_us, end_tree
from benchmarks.servers.entry import BarePredictor, Decoder, Read

_WARM_FILMS = 32
"""Of each thread, before the clock starts."""

Metrics = dict[str, float]
"""Of films: `per_second`, `median_ms`, `p99_ms`, `cpu_ms`, and the network's part `infer_share`."""


class Loop:
    """Threads that take the next film until time is up; they stay for the next run."""

    def __init__(self, read: Read, engine: Engine, films: Sequence[bytes], threads: int) -> None:
        self._read, self._engine, self._films = read, engine, films
        self._next = itertools.count()
        self._pool = ThreadPoolExecutor(threads)
        # Until all threads are warm.
        self._warm = threading.Barrier(threads, action=self._start)
        self._cpu = self._end = self._seconds = 0.0

    def run(self, seconds: float) -> Metrics:
        """Warm up, then loop for `seconds`."""
        self._seconds = seconds
        works = [self._pool.submit(self._work) for _ in range(self._warm.parties)]
        results = [work.result() for work in works]
        cpu = time.process_time() - self._cpu
        times = np.array([film for films, _ in results for film in films])
        median, p99 = np.percentile(1e3 * times.sum(axis=1), (50, 99))
        return {
            # By each thread's clock: they do not end together.
            "per_second": sum(len(films) / elapsed for films, elapsed in results),
            "median_ms": float(median),
            "p99_ms": float(p99),
            "cpu_ms": 1e3 * cpu / len(times),
            "infer_share": float(times[:, 1].sum() / times.sum()),
        }

    def _start(self) -> None:
        self._cpu, self._end = time.process_time(), time.perf_counter() + self._seconds

    def _work(self) -> tuple[list[tuple[float, float]], float]:
        for film in itertools.islice(itertools.cycle(self._films), _WARM_FILMS):
            self._engine.logits(self._read(film)[np.newaxis])
        self._warm.wait()
        times, start = [], time.perf_counter()
        while (begun := time.perf_counter()) < self._end:
            pixels = self._read(self._films[next(self._next) % len(self._films)])
            decoded = time.perf_counter()
            self._engine.logits(pixels[np.newaxis])
            times.append((decoded - begun, time.perf_counter() - decoded))
        return times, time.perf_counter() - start


class BareLoop(NamedTuple):
    """A bare loop in its own process, which holds all films."""

    process: subprocess.Popen[str]

    def run(self, seconds: float) -> Metrics:
        """Let it loop for `seconds`."""
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101, PT018 - they are pipes
        print(seconds, file=self.process.stdin, flush=True)
        metrics: Metrics = json.loads(self.process.stdout.readline())
        return metrics


@contextmanager
def bare_loop(listing: Path, model: str, threads: int, decoder: Decoder = "ours") -> Iterator[BareLoop]:
    """Start a bare loop over the films; end it afterwards."""
    command = [sys.executable, "-m", "benchmarks.limit", str(listing), model, str(threads), decoder]
    pipe = subprocess.PIPE
    with subprocess.Popen(bound_to_us(command), stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:  # noqa: S603 - our own
        try:
            yield BareLoop(process)
        finally:
            end_tree(process)


def main() -> None:
    """Loop as arguments and input say."""
    listing, model, threads, decoder = sys.argv[1:]
    prepare_process()  # one film a thread and memory kept, as in the service
    predictor = BarePredictor(find_entry(STORE, model), "cv2" if decoder == "cv2" else "ours")
    films = [Path(line).read_bytes() for line in Path(listing).read_text().splitlines()]
    loop = Loop(predictor.read, predictor.engine, films, int(threads))
    for line in sys.stdin:
        print(json.dumps(loop.run(float(line))), flush=True)


if __name__ == "__main__":
    main()
