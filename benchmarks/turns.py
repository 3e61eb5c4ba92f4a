"""The bare loop and servers in turns of two seconds, so that all meet the machine at the same speed.

That changes by a tenth within minutes, more than two servers differ. So clients send films endlessly; they and their
server are stopped (SIGSTOP) outside their turn. Starts differ by a few percent: all are repeated every few turns.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from benchmarks.cases import Case
from benchmarks.films import ROOT, find_films
from benchmarks.limit import BareLoop
from benchmarks.load import Load, LoadFailed, Stream, compare, predict_all, run_wrk, streaming
from benchmarks.processes import Server, continued, free_port, is_ok, peak_megabytes, serving, stopped
from benchmarks.results import Results
from benchmarks.servers.entry import BarePredictor

_BEGIN_ANSWERS = 2  # of each client first, when all send at once
_LOAD_ANSWERS = 3  # of each client at least, for latencies
_SETTLE_SECONDS = 0.5  # after a stop, before the clock starts
_WARM_SECONDS = 3.0  # of unmeasured load, while the process asks for memory
_PROBE_SECONDS = 0.025  # between probes of /livez on new connections, as by Kubernetes


class Entrant(NamedTuple):
    """A running server, its load, and its row in the table."""

    row: str
    server: Server
    load: Load = Load()


@dataclass
class Bench:
    """Films in the order of sending, a folder for files, and the results.

    Each start has `turns` of `seconds`. `say` prints progress. `largest_difference` from the bare loop is in
    probability.
    """

    films: Sequence[Path]
    folder: Path
    turns: int
    seconds: float
    say: Callable[[str], None]
    results: Results = field(default_factory=Results)
    largest_difference: float = 0.0
    _expected: dict[tuple[Path, str], list[dict[str, Any]]] = field(default_factory=dict)
    _is_reversed: bool = False

    @cached_property
    def listing(self) -> Path:
        """A file that lists the films."""
        path = self.folder / "listing"
        path.write_text("".join(f"{film}\n" for film in self.films))
        return path

    @contextmanager
    def standing(self, case: Case) -> Iterator[Server]:
        """Start and warm a server; check every answer before and after; LoadFailed where one is wrong."""
        port = free_port()
        command, environment = case.start(port)
        self.say(f"{case.entry.label}, {case.name}: start, and check the answers")
        with serving(command, port, environment, case.cwd, case.health) as server:
            self._check(case, port)
            with streaming(port, self.listing, Load(case.form), self.folder / "answers") as stream:
                time.sleep(_WARM_SECONDS)
                stream.answered()
            yield server
            server.wait_until_idle()
            self._check(case, port)

    def _check(self, case: Case, port: int) -> None:
        key = case.entry.folder, case.decoder
        if key not in self._expected:
            predictor = BarePredictor(case.entry, case.decoder)
            self._expected[key] = [predictor.predict(film.read_bytes()) for film in self.films]
        difference = compare(self._expected[key], predict_all(port, self.films, case.form))
        self.largest_difference = max(self.largest_difference, difference)

    def compare(self, loop: BareLoop, loop_row: str, entrants: Sequence[Entrant]) -> None:
        """Load servers in turns between two runs of the bare loop, then each alone for latencies.

        A server may have several loads. LoadFailed where an answer is not 200 or missing.
        """
        self.say(f"{'; '.join(entrant.row for entrant in entrants)}: {self.turns} turns")
        medians, streams = [], {}
        with ExitStack() as stack:
            for number, (row, server, load) in enumerate(entrants):
                answers = self.folder / f"answers-{number}"
                streams[row] = stack.enter_context(streaming(server.port, self.listing, load, answers))
                streams[row].wait(_BEGIN_ANSWERS * load.clients)
                stack.enter_context(stopped(streams[row].process.pid))
            pids = {entrant.server.process.pid for entrant in entrants}
            stack.enter_context(stopped(*pids))
            # A server of several loads first finishes the one before: the first answers were ready when it was
            # stopped.
            left = 2 if len(pids) < len(entrants) else 0
            for _ in range(self.turns):
                order, self._is_reversed = entrants[:: -1 if self._is_reversed else 1], not self._is_reversed
                first = loop.run(self.seconds)
                turns = {row: self._take_turn(server, streams[row], left * load.clients) for row, server, load in order}
                last = loop.run(self.seconds)
                base = {name: (first[name] + last[name]) / 2 for name in first}
                medians.append(base["median_ms"])
                self.results.add(loop_row, of_loop=1, **base)
                for row, metrics in turns.items():
                    self.results.add(row, of_loop=metrics["per_second"] / base["per_second"], **metrics)
        self.results.add(loop_row, peak_mb=peak_megabytes(loop.process.pid))
        for entrant in entrants:
            self._measure_latency(entrant, statistics.median(medians))

    def _take_turn(self, server: Server, stream: Stream, left: int) -> dict[str, float]:
        def read() -> tuple[float, int, float, float]:
            return time.perf_counter(), stream.answered(), server.cpu_seconds(), server.main_thread_seconds()

        stopped_at = stream.answered()
        with continued(server.process.pid, stream.process.pid):
            time.sleep(_SETTLE_SECONDS)
            stream.wait(stopped_at + left)
            before = read()
            time.sleep(self.seconds)
            stream.wait(before[1] + 1)
            after = read()
        elapsed, films, cpu, thread = (later - earlier for earlier, later in zip(before, after, strict=True))
        return {"per_second": films / elapsed, "cpu_ms": 1e3 * cpu / films, "thread_ms": 1e3 * thread / films}

    def _measure_latency(self, entrant: Entrant, loop_median_ms: float) -> None:
        row, server, load = entrant
        server.wait_until_idle()
        seconds = max(2 * self.seconds, _LOAD_ANSWERS * load.clients / self.results.each(row, "per_second")[-1])
        with probing(server.port) as waits:
            _, median_ms, p99_ms = run_wrk(server.port, self.listing, load, seconds)
        livez_ms, livez_p99_ms = np.percentile(waits, (50, 99), method="higher").tolist()
        self.results.add(row, median_ms=median_ms, p99_ms=p99_ms, tail=p99_ms / median_ms)
        self.results.add(row, median_of_loop=median_ms / loop_median_ms, livez_ms=livez_ms, livez_p99_ms=livez_p99_ms)
        self.results.add(row, peak_mb=peak_megabytes(server.process.pid), ready_s=server.ready_seconds)


@contextmanager
def open_bench(*, turns: int, seconds: float, most_films: int | None = None) -> Iterator[Bench]:
    """Open a bench in the repository's folder; exit with 2 without wrk, 1 where a measurement failed."""
    if shutil.which("wrk") is None:
        print("wrk, the load generator, is not installed. Debian and Ubuntu: sudo apt-get install wrk")
        raise SystemExit(2)
    # SIGTERM, too, shall end what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.chdir(ROOT)
    cv2.setNumThreads(1)
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as name:
        films, kind = find_films(Path(name))
        films = films[:most_films]
        say(f"{len(films)} {kind}")
        try:
            yield Bench(films, Path(name), turns, seconds, say)
        except (LoadFailed, RuntimeError) as error:
            raise SystemExit(str(error)) from None


@contextmanager
def probing(port: int) -> Iterator[list[float]]:
    """Probe /livez meanwhile; the list gets the milliseconds to each 200, infinite for another answer."""
    waits: list[float] = []
    ended = threading.Event()

    def probe() -> None:
        while not ended.wait(_PROBE_SECONDS):
            begun = time.perf_counter()
            waits.append(1e3 * (time.perf_counter() - begun) if is_ok(port, "/livez") else math.inf)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()
