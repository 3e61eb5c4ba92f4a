"""One run of the benchmark: what a round and a turn measure, and in which order."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks import cases, figures
from benchmarks.films import STORE
from benchmarks.measure import Bench, time_import, time_png
from benchmarks.processes import Server, stopped
from benchmarks.rows import LIMIT, Figures, Rounds, Row
from benchmarks.score import run_score
from benchmarks.turns import take_turn

_SCORE_LOADS = 3
"""So many times a load's films `score` sends: it begins and ends with fewer at once."""


class Step(NamedTuple):
    """A part of a round: how many rows it measures, and how."""

    rows: int
    do: Callable[[], None]


class Run:
    """One run of the benchmark: every round measures everything once."""

    def __init__(self, bench: Bench, progress: Progress, peers: Path | None) -> None:
        self.bench, self.progress, self.peers = bench, progress, peers
        self.rounds = Rounds()
        self.threads = granted_cores()
        self.task = progress.add_task("")

    def plan(self, model: str, *, is_whole: bool) -> list[Step]:
        """List what one round measures of a model, what is compared side by side next to each other.

        Args:
            model: `name/version`.
            is_whole: every row and figure; else the rows at 32 clients.
        """
        ours = cases.make_ours(model, cases.EVERY_LOAD if is_whole else cases.BUSY, scores=is_whole)
        steps = [self._limit(model, LIMIT), self._case(ours)]
        if is_whole:
            steps += [self._limit(model, figures.LIMIT_ALONE), self._case(cases.make_ours(model, cases.MAPS))]
            steps.append(Step(0, lambda: self.time_png(model)))
        steps.append(self._limit(model, figures.LIMIT_CV2))
        rivals = cases.make_tensorflow_cases(model)
        if is_whole and rivals:
            steps.append(self._case(cases.make_ours(model, cases.EVERY_LOAD, server=figures.OURS_TENSORFLOW)))
        if self.peers:
            rivals += cases.make_peer_cases(model, self.peers)
        return steps + [self._rival(case) for case in rivals]

    def _limit(self, model: str, name: str) -> Step:
        return Step(1, lambda: self.measure_limit(model, name))

    def _case(self, case: cases.Case) -> Step:
        return Step(len(case.asks), lambda: self.measure_case(case))

    def _rival(self, case: cases.Case) -> Step:
        return Step(len(case.asks), lambda: self.measure_rival(case))

    def measure_limit(self, model: str, name: str) -> None:
        """Measure the bare loop."""
        self.tell(name)
        row, measured, share = self.bench.measure_limit(model, name, self.threads)
        if name == LIMIT:
            self.rounds.note(figures.INFER_SHARE + model, share)
        if name == figures.LIMIT_CV2:
            self.rounds.note(figures.CV2_MS + model, measured.cpu_ms * (1 - share))
        self.keep(row, measured)

    def measure_case(self, case: cases.Case) -> None:
        """Measure one server, all of its loads."""
        if case.scores:
            self.rounds.note(figures.IMPORT_SECONDS, time_import())
        # Closed at once where anything goes wrong here: it has a server running.
        with closing(self.bench.measure(case, self.tell, self.score if case.scores else None)) as measurements:
            for row, measured in measurements:
                self.keep(row, measured)

    def measure_rival(self, case: cases.Case) -> None:
        """Measure another server, loaded in turns with the service: theirs, ours twice as long, theirs again."""
        ask, ours = case.asks[0], cases.make_ours(case.model, cases.BUSY[:1])
        seconds, told = self.bench.seconds, dict[str, float]()

        def between(server: Server) -> None:
            self.tell(f"{figures.OURS} beside {case.server}")
            with stopped(server.process.pid):
                told["ours"] = self.bench.load(standing, ours.asks[0], 2 * seconds)[0].per_second
            told["theirs"] = self.bench.load(server, ask, seconds)[0].per_second

        with (
            self.bench.standing(ours, ours.asks[0], self.tell) as standing,
            closing(self.bench.measure(case, self.tell, between)) as measurements,
        ):
            for row, measured in measurements:
                self.keep(row, measured)
        theirs = (measured.per_second + told["theirs"]) / 2
        self.rounds.note(figures.beside(case.model, case.server), told["ours"] / theirs)

    def time_png(self, model: str) -> None:
        """Measure what PNG encoding costs alone."""
        self.tell("PNG encoding")
        self.rounds.note(figures.PNG_MS, time_png(find_entry(STORE, model), self.bench.films))

    def take_turns(self, model: str, count: int) -> None:
        """Measure the bare loop and the service in short turns."""
        for number in range(count):
            self.tell("in turns with the bare loop")
            turn = take_turn(self.bench, model, self.threads, is_reversed=number % 2 == 1)
            for name, figure in turn.items():
                self.rounds.note(name, figure)
            self.progress.console.print(
                f"turn {number + 1}: {turn[figures.TURN_RAW]:.2f} of the bare loop", highlight=False
            )
            self.progress.advance(self.task)

    def score(self, server: Server) -> None:
        """Let `pneumoserve score` send films for several times a load, between two loads by wrk."""
        films, seconds = self.bench.films, self.bench.seconds
        many = self.bench.folder / "many"
        many.mkdir(exist_ok=True)
        copies = max(1, round(_SCORE_LOADS * seconds * 150 / len(films)))
        for copy in range(copies):
            for number, film in enumerate(films):
                link = many / f"{copy:03d}-{number:03d}{film.suffix}"
                if not link.exists():
                    link.symlink_to(film)
        ask, loads = cases.Ask("raw"), list[float]()
        self.tell("beside score")
        loads.append(self.bench.load(server, ask, seconds)[0].per_second)
        self.tell("score")
        server.rest()
        scored = run_score(f"http://127.0.0.1:{server.port}", many, copies * len(films), self.bench.folder)
        self.tell("beside score")
        loads.append(self.bench.load(server, ask, seconds)[0].per_second)
        self.rounds.note(figures.SCORE_RATIO, scored.per_second / statistics.fmean(loads))
        self.rounds.note(figures.SCORE_CPU_MS, scored.cpu_ms)
        self.rounds.note(figures.SCORE_START, scored.start_seconds)

    def keep(self, row: Row, measured: Figures) -> None:
        """Keep a row's figures, and show the first of them."""
        self.rounds.add(row, measured)
        self.progress.console.print(f"{row.model}, {row}: {measured.per_second:.1f} films/s", highlight=False)
        self.progress.advance(self.task)

    def tell(self, doing: str) -> None:
        """Show what is going on."""
        self.progress.update(self.task, description=doing)
