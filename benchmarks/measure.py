"""One measurement of one case: start, check the answers, load, check the answers again, end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.imaging.png_writer import encode_png
from app.inference.artifact import Entry, find_entry
from app.inference.engines import open_engine
from app.inference.explain import lay_out
from benchmarks.cases import Ask, Case
from benchmarks.figures import LIMIT_ALONE, LIMIT_CV2
from benchmarks.films import ROOT, STORE
from benchmarks.limit import Decoder, answer_films, make_read
from benchmarks.load import Answer, Load, ask_all, compare, run_wrk
from benchmarks.processes import Server, die_with_us, end_tree, free_port, serving
from benchmarks.rows import Figures, Row

WARM_SECONDS = 3.0
"""Of a first load that is not measured: until then memory is asked of the kernel again and again."""
_WARM_MAPS_SECONDS = 1.0
_PNG_FILMS = 20


class Bench:
    """What all measurements share: the films, how long each load lasts, and the answers that are right."""

    def __init__(self, films: Sequence[Path], folder: Path, seconds: float) -> None:
        """Write the list of films for the load generator.

        Args:
            films: in the order of sending.
            folder: for what is made on the way.
            seconds: of each load.
        """
        self.films = films
        self.folder = folder
        self.seconds = seconds
        self.listing = folder / "listing"
        self.listing.write_text("".join(f"{film}\n" for film in films))
        self.largest_difference = 0.0
        self._expected: dict[tuple[str, Decoder], list[Answer]] = {}

    def measure_limit(
        self, model: str, name: str, threads: int, before: Sequence[str] = ()
    ) -> tuple[Row, Figures, float]:
        """Run the bare loop in a process of its own; the last figure is the share of inference in a film's time.

        Args:
            model: `name/version`.
            name: of the row; it tells which of the bare loops.
            threads: of the loop, where it is not the one of a single thread.
            before: stands in front of the command, as `taskset` does.
        """
        command = [*before, *self.limit_command(model, 1 if name == LIMIT_ALONE else threads)]
        command += ["--seconds", str(self.seconds), "--decoder", "cv2" if name == LIMIT_CV2 else "ours"]
        begun = time.perf_counter()
        process = subprocess.Popen(die_with_us(command), stdout=subprocess.PIPE, cwd=ROOT)  # noqa: S603 - our own
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            process.stdout.readline()
            ready = time.perf_counter() - begun
            told = json.loads(process.stdout.read())
        finally:
            end_tree(process)
        share = told.pop("infer_share")
        return Row(model, name), Figures(**told, ready_seconds=ready), share

    def limit_command(self, model: str, threads: int) -> list[str]:
        """Answer what starts the bare loop on these films; see `benchmarks.limit`."""
        command = [sys.executable, "-m", "benchmarks.limit", str(self.listing), "--model", model]
        return [*command, "--threads", str(threads)]

    def measure(
        self, case: Case, tell: Callable[[str], None], between: Callable[[Server], None] | None = None
    ) -> Generator[tuple[Row, Figures]]:
        """Measure every load of a case on one run of its server.

        Args:
            case: which.
            tell: told what is going on.
            between: called after the first load, with the server.

        Raises:
            LoadFailed: an answer was wrong, before, under or after the load.
        """
        with self.standing(case, case.asks[0], tell) as server:
            for ask in case.asks:
                row = Row(case.model, case.server, ask.form, ask.clients, ask.maps)
                tell(str(row))
                if ask.maps != case.asks[0].maps:
                    self.warm(server, ask)
                load, cpu_ms = self.load(server, ask, self.seconds)
                yield (
                    row,
                    Figures(
                        per_second=load.per_second,
                        median_ms=load.median_ms,
                        p99_ms=load.p99_ms,
                        cpu_ms=cpu_ms,
                        peak_megabytes=server.peak_megabytes(),
                        ready_seconds=server.ready_seconds,
                        client_cpu_ms=1e3 * load.client_cpu_seconds / load.requests,
                    ),
                )
                if between is not None and ask is case.asks[0]:
                    server.rest()
                    between(server)

    @contextmanager
    def standing(self, case: Case, warm: Ask, tell: Callable[[str], None]) -> Iterator[Server]:
        """Start a server and warm it up; its answers are checked before and after.

        Args:
            case: which.
            warm: the first load, which is not measured.
            tell: told what is going on.

        Raises:
            LoadFailed: an answer was wrong.
        """
        port = free_port()
        command, environment = case.started(port)
        tell(f"{case.server}: starting")
        with serving(command, port, environment=environment, cwd=ROOT, health=case.health) as server:
            self.check(case, port, tell)
            self.load(server, warm, WARM_SECONDS)
            yield server
            server.rest()
            self.check(case, port, tell)

    def warm(self, server: Server, ask: Ask) -> None:
        """Ask for maps for the first time: each worker then compiles the part of the network that draws them."""
        self.load(server, ask, _WARM_MAPS_SECONDS)

    def load(self, server: Server, ask: Ask, seconds: float) -> tuple[Load, float]:
        """Load a server once it has come to rest; answer what wrk saw, and the CPU milliseconds a film of the server.

        Raises:
            LoadFailed: see `run_wrk`.
        """
        server.rest()
        before = server.cpu_seconds()
        load = run_wrk(server.port, self.listing, ask.form, ask.clients, seconds, ask.path)
        return load, 1e3 * (server.cpu_seconds() - before) / load.requests

    def expect(self, model: str, decoder: Decoder) -> list[Answer]:
        """Answer what the bare loop says of every film; computed once."""
        if (model, decoder) not in self._expected:
            self._expected[model, decoder] = answer_films(find_entry(STORE, model), decoder, self.films)
        return self._expected[model, decoder]

    def check(self, case: Case, port: int, tell: Callable[[str], None]) -> None:
        """Ask for every film once.

        Raises:
            LoadFailed: an answer is not the bare loop's.
        """
        tell(f"{case.server}: checking the answers")
        answers = ask_all(port, self.films, case.asks[0].form)
        difference = compare(self.expect(case.model, case.decoder), answers)
        self.largest_difference = max(self.largest_difference, difference)


def time_import() -> float:
    """Answer the seconds that an interpreter needs to start and import what the service cannot do without."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import openvino, cv2, fastapi"], check=True)
    return time.perf_counter() - begun


def time_png(entry: Entry, films: Sequence[Path]) -> float:
    """Answer the CPU milliseconds a film of encoding the pictures of all its layers as PNG, and nothing else."""
    engine = open_engine("openvino", entry.folder, entry.manifest.maps)
    read = make_read("ours", entry.manifest.shape)
    chosen = films[:_PNG_FILMS]
    sheets: list[Any] = []
    for film in chosen:
        maps = engine.maps(read(film.read_bytes())[np.newaxis], cam=False, layers=True)
        sheets += [lay_out(activations[0]) for activations in maps.layers.values()]
    begun = time.process_time()
    for sheet in sheets:
        encode_png(sheet)
    return 1e3 * (time.process_time() - begun) / len(chosen)
