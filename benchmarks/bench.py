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
from pathlib import Path

import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.inference.artifact import find_entry
from benchmarks import figures
from benchmarks.films import ROOT, STORE, find_films
from benchmarks.load import LoadFailed, find_wrk
from benchmarks.measure import Bench, time_import
from benchmarks.report import write_report
from benchmarks.run import Run

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
