"""The bare loop: decode, shrink, infer, in threads, without a server; what every row of the benchmark is held against.

python -m benchmarks.limit LISTING --model NAME/VERSION --threads 2 [--seconds 10] [--decoder cv2]

prints a line `ready` and, at the end, one JSON object.
Without `--seconds`, it does so again and again: each line of its input tells them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.preprocess import read_film
from app.inference.artifact import Entry, find_entry
from app.inference.engine import Engine
from app.inference.engines import open_engine
from app.process import prepare_process
from benchmarks.films import STORE
from benchmarks.load import Answer
from benchmarks.processes import parse_megabytes
from benchmarks.servers.entry import answer

_WARM_FILMS = 32
"""Read by each thread before the clock starts, as every server has a load before: see `measure.WARM_SECONDS`."""

Decoder = Literal["ours", "cv2"]
Read = Callable[[bytes], NDArray[np.uint8]]


def make_read(decoder: Decoder, shape: tuple[int, int]) -> Read:
    """Answer what turns bytes into the network's pixels: the service's own reading, or OpenCV's full decoding.

    Args:
        decoder: which.
        shape: (height, width) of the network's input.
    """
    height, width = shape
    if decoder == "ours":
        return lambda data: read_film(data, width=width, height=height).pixels

    def read(data: bytes) -> NDArray[np.uint8]:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise ValueError("Expected a film that OpenCV can decode.")
        return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    return read


def answer_films(entry: Entry, decoder: Decoder, films: Sequence[Path]) -> list[Answer]:
    """Answer every film, by the loop's own means, at the model's default operating point."""
    manifest = entry.manifest
    engine = open_engine("openvino", entry.folder, manifest.maps)
    read = make_read(decoder, manifest.shape)
    told = [answer(entry, float(engine.logits(read(film.read_bytes())[np.newaxis])[0])) for film in films]
    return [Answer(one["probability"], one["class"]) for one in told]


class Loop:
    """`threads` threads that take the next film each, until the time is up; they stay for the next run."""

    def __init__(self, read: Read, engine: Engine, films: Sequence[bytes], threads: int) -> None:
        self._read, self._engine, self._films = read, engine, films
        self._turns = itertools.count()
        self._times: list[tuple[float, float]] = []
        self._per_second: list[float] = []
        self._end = 0.0
        # Everybody, the main thread too, waits for everybody: to be ready, to be warm, to go, to have ended.
        self._all = threading.Barrier(threads + 1)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    def run(self, seconds: float) -> dict[str, float]:
        """Warm up, tell `ready`, and loop; times are in milliseconds, `infer_share` is of a film's own time."""
        for thread in self._threads:
            if not thread.is_alive():
                thread.start()
        self._times, self._per_second = [], []
        self._all.wait()
        print("ready", flush=True)
        self._all.wait()
        cpu = time.process_time()
        self._end = time.perf_counter() + seconds
        self._all.wait()
        self._all.wait()
        cpu = time.process_time() - cpu
        times = np.array(self._times)
        median, p99 = np.percentile(1e3 * times.sum(axis=1), (50, 99))
        return {
            # Each thread by its own clock: one that waits for the other's last film has ended.
            "per_second": sum(self._per_second),
            "median_ms": float(median),
            "p99_ms": float(p99),
            "cpu_ms": 1e3 * cpu / len(times),
            "peak_megabytes": parse_megabytes(Path("/proc/self/status").read_text(), "VmHWM"),
            "infer_share": float(times[:, 1].sum() / times.sum()),
        }

    def _work(self) -> None:
        self._engine.logits(self._read(self._films[0])[np.newaxis])
        while True:
            self._all.wait()
            for film in itertools.islice(itertools.cycle(self._films), _WARM_FILMS):
                self._engine.logits(self._read(film)[np.newaxis])
            self._all.wait()
            self._all.wait()
            mine, start = [], time.perf_counter()
            while (begun := time.perf_counter()) < self._end:
                pixels = self._read(self._films[next(self._turns) % len(self._films)])
                decoded = time.perf_counter()
                self._engine.logits(pixels[np.newaxis])
                mine.append((decoded - begun, time.perf_counter() - decoded))
            self._times += mine
            self._per_second.append(len(mine) / (time.perf_counter() - start))
            self._all.wait()


def main() -> None:
    """Run the loop as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("listing", type=Path, help="a file that lists the films")
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--decoder", choices=("ours", "cv2"), default="ours")
    arguments = parser.parse_args()
    # One film a thread and memory kept, as in the service.
    prepare_process()
    entry = find_entry(STORE, arguments.model)
    engine = open_engine("openvino", entry.folder, entry.manifest.maps)
    films = [Path(line).read_bytes() for line in arguments.listing.read_text().splitlines()]
    loop = Loop(make_read(arguments.decoder, entry.manifest.shape), engine, films, arguments.threads)
    for seconds in [arguments.seconds] if arguments.seconds else map(float, sys.stdin):
        print(json.dumps(loop.run(seconds)), flush=True)


if __name__ == "__main__":
    main()
