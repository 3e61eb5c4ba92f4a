"""How fast the service is, beside the bare loop and beside what others would write, measured in turns.

    make bench                              # PEERS=1 adds LitServe and BentoML, installed aside
    python -m benchmarks.bench [--rounds 3] [--seconds 10] [--model NAME/VERSION]

prints a table a model and the promised figures, and writes both to benchmarks/RESULTS.md. Every round starts every
server anew, loads it with wrk, and holds all of its answers against the bare loop's.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.inference.artifact import find_entry
from app.inference.scheduler import granted_cores
from benchmarks import cases, figures
from benchmarks.films import ROOT, STORE, find_films
from benchmarks.load import LoadFailed, find_wrk
from benchmarks.measure import Bench, time_import, time_png
from benchmarks.processes import Server
from benchmarks.report import write_report
from benchmarks.rows import LIMIT, Figures, Rounds, Row
from benchmarks.score import run_score
from benchmarks.turns import take_turn

RESULTS = Path(__file__).with_name("RESULTS.md")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--turns", type=int, default=12, help="of short loads, for the figures that stand on ratios")
    parser.add_argument("--model", help="NAME/VERSION; unset: the bundled default, and the main rows of the article's")
    parser.add_argument("--films", type=int, help="only so many of the films")
    parser.add_argument(
        "--peers", type=Path, metavar="BIN", help="programs of an environment with LitServe and BentoML"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


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
        others = cases.make_tensorflow_cases(model)
        if is_whole and others:
            others.insert(0, cases.make_ours(model, cases.EVERY_LOAD, server=figures.OURS_TENSORFLOW))
        if self.peers:
            others += cases.make_peer_cases(model, self.peers)
        return steps + [self._case(case) for case in others]

    def _limit(self, model: str, name: str) -> Step:
        return Step(1, lambda: self.measure_limit(model, name))

    def _case(self, case: cases.Case) -> Step:
        return Step(len(case.asks), lambda: self.measure_case(case))

    def measure_limit(self, model: str, name: str) -> None:
        """Measure the bare loop."""
        self.tell(name)
        row, measured, share = self.bench.measure_limit(model, name, self.threads)
        if name == LIMIT:
            self.rounds.note(figures.INFER_SHARE + model, share)
        self.keep(row, measured)

    def measure_case(self, case: cases.Case) -> None:
        """Measure one server, all of its loads."""
        if case.scores:
            self.rounds.note(figures.IMPORT_SECONDS, time_import())
        # Closed at once where anything goes wrong here: it has a server running.
        with closing(self.bench.measure(case, self.tell, self.score if case.scores else None)) as measurements:
            for row, measured in measurements:
                self.keep(row, measured)

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
        """Let `pneumoserve score` send about as many films as a load does."""
        self.tell("score")
        films = self.bench.films
        many = self.bench.folder / "many"
        many.mkdir(exist_ok=True)
        copies = max(1, round(self.bench.seconds * 150 / len(films)))
        for copy in range(copies):
            for number, film in enumerate(films):
                link = many / f"{copy:03d}-{number:03d}{film.suffix}"
                if not link.exists():
                    link.symlink_to(film)
        per_second, cpu_ms = run_score(f"http://127.0.0.1:{server.port}", many, copies * len(films), self.bench.folder)
        self.rounds.note(figures.SCORE_PER_SECOND, per_second)
        self.rounds.note(figures.SCORE_CPU_MS, cpu_ms)

    def keep(self, row: Row, measured: Figures) -> None:
        """Keep a row's figures, and show the first of them."""
        self.rounds.add(row, measured)
        self.progress.console.print(f"{row.model}, {row}: {measured.per_second:.1f} films/s", highlight=False)
        self.progress.advance(self.task)

    def tell(self, doing: str) -> None:
        """Show what is going on."""
        self.progress.update(self.task, description=doing)


def main() -> None:
    """Measure, print and write. Status 1 where an answer was wrong, 2 where wrk is missing."""
    arguments = parse_arguments()
    find_wrk()
    # A SIGTERM unwinds as Ctrl+C does, and ends what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.chdir(ROOT)
    cv2.setNumThreads(1)
    console = Console()
    first = find_entry(STORE, arguments.model).label
    models = [first] if arguments.model else list(dict.fromkeys([first, figures.ARTICLE]))
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films, what = find_films(folder)
        if arguments.films:
            films, what = films[: arguments.films], f"{arguments.films} of {what}"
        bench = Bench(films, folder, arguments.seconds)
        # The first import reads from the disk.
        time_import()
        try:
            with Progress(*columns, console=console, transient=True) as progress:
                run = Run(bench, progress, arguments.peers)
                steps = [step for model in models for step in run.plan(model, is_whole=model == first)]
                rows = arguments.rounds * sum(step.rows for step in steps)
                progress.update(run.task, total=arguments.turns + rows)
                run.take_turns(first, arguments.turns)
                for _ in range(arguments.rounds):
                    for step in steps:
                        step.do()
        except (LoadFailed, RuntimeError) as error:
            console.print(str(error), style="red", markup=False)
            raise SystemExit(1) from None
        except KeyboardInterrupt:
            raise SystemExit(130) from None
    told = write_report(run.rounds, models, films=what, seconds=arguments.seconds, difference=bench.largest_difference)
    arguments.out.write_text(told)
    print(told)


if __name__ == "__main__":
    main()
