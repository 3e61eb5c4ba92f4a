"""One start of the scoring: send what is not settled, write the result, tell how it went."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from batch.answers import is_settled
from batch.client import Retrying
from batch.crew import Crew
from batch.errors import ModelChanged, ServiceGone, WrongKey
from batch.journal import Journal, Run
from batch.labels import Labelled
from batch.paths import Film, shown
from batch.progress import ScoringProgress
from batch.results import Row, write_results
from batch.service import Service

_SECONDS_BETWEEN_SYNCS = 0.2
_PATHS_SHOWN = 3


@dataclass
class Scoring:
    """One start: the films, the journal that they are in, and what is told at the end.

    `cpu_began` is `time.process_time()` when the call began: what is told of our own CPU time holds the walk through
    the folder and the writing of the result too, not the interpreter's start.
    """

    films: Sequence[Film]
    journal: Journal
    out: Path
    labelled: Labelled | None
    cpu_began: float
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unsettled: int = 0

    def run(self, service: Service, retrying: Retrying, concurrency: int, console: Console) -> int:
        """Send what is not settled, write the result, print the summary; return the exit status."""
        settled = {row.path for row in self.journal.rows() if is_settled(row)}
        pending = [film for film in self.films if film.key not in settled]
        failed = sum(film.key in settled and self.journal.row(film.key).error is not None for film in self.films)
        already = len(self.films) - len(pending)
        if already:
            print(f"{already} of {len(self.films)} films were scored by an earlier start.", file=sys.stderr)
        clock = time.perf_counter()
        crew = Crew(pending, service, retrying, concurrency, self.journal.run.model_sha256)
        try:
            with ScoringProgress(console, len(self.films), already) as progress:
                ended = False
                while not ended:
                    ended = crew.done.wait(_SECONDS_BETWEEN_SYNCS)
                    rows = [crew.rows.popleft() for _ in range(len(crew.rows))]
                    if rows:
                        self.journal.append(rows)
                    already += len(rows)
                    failed += sum(row.error is not None for row in rows)
                    progress.show(already, failed)
        except KeyboardInterrupt:
            crew.stop()
            print(f"Interrupted. Start the same command again to go on: {already} films stand in the journal.")
            return 130
        seconds = time.perf_counter() - clock
        if crew.failure is not None and not isinstance(crew.failure, ServiceGone):
            raise _explained(crew.failure, self.journal.run)
        write_results(self.out, self._rows(crew.failure))
        if not self.unsettled:
            self.journal.remove()
        self._print_summary(len(pending), seconds, crew.failure)
        return 1 if self.failures else 0

    def _rows(self, gone: Exception | None) -> Iterator[Row]:
        for film in self.films:
            if film.key in self.journal:
                row = self.journal.row(film.key)
            else:
                row = Row(film.key, error="not-sent", error_detail=f"The service stopped answering: {gone}")
            row.path = film.path
            if row.error is not None:
                self.failures[row.error].append(film.path)
                self.unsettled += not is_settled(row)
            if self.labelled is not None:
                self.labelled.add(film, row)
            yield row

    def _print_summary(self, sent: int, seconds: float, gone: Exception | None) -> None:
        failed = sum(map(len, self.failures.values()))
        print(f"{len(self.films) - failed} films scored, {failed} failed.")
        for slug, paths in sorted(self.failures.items()):
            more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else ""
            print(f"  {slug}: {len(paths)}: {', '.join(map(shown, paths[:_PATHS_SHOWN]))}{more}")
        if sent:
            cpu = time.process_time() - self.cpu_began
            per_film = f"{1000 * cpu / sent:.2f} ms of this command's own CPU time a film"
            print(f"{sent} sent in {seconds:.1f} s: {sent / seconds:.0f} films/s, {per_film}.")
        print(f"Result: {shown(str(self.out))}")
        if gone is not None:
            print(f"The service stopped answering ({gone}).")
        if self.unsettled:
            print(f"Start the same command again to retry {self.unsettled} that may yet succeed.")
        if self.labelled is not None:
            print(*self.labelled.report(), sep="\n")


def _explained(failure: Exception, run: Run) -> Exception:
    """Say what the caller can do about what ended the work."""
    if isinstance(failure, WrongKey):
        return WrongKey(f"The service refused the API key: {failure} What is scored stands in the journal.")
    if isinstance(failure, ModelChanged):
        return ModelChanged(
            f"The service changed its model from {run.model} ({run.model_sha256}) to {failure}. "
            "One result holds one model's answers: start over with --restart."
        )
    return failure
