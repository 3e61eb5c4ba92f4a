"""One start of the scoring: send what needs it, write the result, tell how it went."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from batch.answers import is_settled
from batch.attempt import Attempts
from batch.client import Retrying
from batch.content import file_identity
from batch.crew import Crew
from batch.errors import ModelChanged, ServiceGone, WrongKey
from batch.journal import Journal
from batch.labels import Labelled
from batch.paths import Film, shown
from batch.progress import ScoringProgress
from batch.results import Row, put_in_place, write_aside
from batch.run import Run
from batch.service import Service
from batch.telling import tell, warn

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
    retry_failed: bool = False
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unsettled: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, service: Service, retrying: Retrying, concurrency: int, console: Console) -> int:
        """Send what needs it, write the result, print the summary; return the exit status."""
        attempts = Attempts(self.journal, self.retry_failed)
        pending = [film for film in self.films if attempts.is_needed(film)]
        finished = len(self.films) - len(pending)
        if finished:
            warn(f"{finished} of {len(self.films)} films were scored by an earlier start.")
        if finished and self.journal.is_finished and not self.out.exists():
            warn(f"{self.out} is not there: it is written anew from {self.out.name}.films.")
        clock = time.perf_counter()
        gone = None
        if pending:
            self.journal.prepare()
            crew = Crew(pending, attempts.attempt, service, retrying, concurrency)
            try:
                self._follow(crew, finished, console)
            except KeyboardInterrupt:
                tell(
                    "Interrupted. Start the same command again to go on: "
                    f"{finished + sum(map(self._is_new, pending))} films stand in the journal."
                )
                return 130
            finally:
                crew.stop()
            gone = crew.failure
            if gone is not None and not isinstance(gone, ServiceGone):
                raise _explained(gone, self.journal.run)
        seconds = time.perf_counter() - clock
        missing = {film.key for film in pending if not self._is_new(film)} if gone else set()
        is_replaced = self._write(missing, gone)
        self._print_summary(seconds, gone, is_replaced=is_replaced)
        return 1 if self.failures else 0

    def _follow(self, crew: Crew, finished: int, console: Console) -> None:
        """Put what the crew lays down into the journal until it has ended."""
        failed = 0
        with ScoringProgress(console, len(self.films), finished) as progress:
            ended = False
            while not ended:
                ended = crew.done.wait(_SECONDS_BETWEEN_SYNCS)
                attempts = [crew.attempts.popleft() for _ in range(len(crew.attempts))]
                if attempts:
                    self.journal.append(attempt.entry for attempt in attempts)
                for attempt in attempts:
                    self.counts[attempt.outcome] += 1
                    self.counts["changed"] += attempt.has_changed
                    failed += attempt.entry.row.error is not None
                finished += len(attempts)
                progress.show(finished, failed, self.counts["sent"])

    def _is_new(self, film: Film) -> bool:
        return self.journal.has_new(film.key)

    def _write(self, missing: AbstractSet[str], gone: Exception | None) -> bool:
        """Write the result and keep the journal as what it is then; return whether the result differs from before."""
        aside = write_aside(self.out, self._rows(missing, gone))
        written = file_identity(aside)
        is_other = not self.out.exists() or file_identity(self.out).sha256 != written.sha256
        if not self.journal.knows_result(written):
            self.journal.note_result(written)
        if is_other:
            put_in_place(aside, self.out)
        else:
            aside.unlink()
        if not self.unsettled:
            self.journal.finish()
        return is_other

    def _rows(self, missing: AbstractSet[str], gone: Exception | None) -> Iterator[Row]:
        for film in self.films:
            entry = None if film.key in missing else self.journal.entry(film.key)
            if entry is not None:
                row = entry.row
            else:
                row = Row(film.key, error="not-sent", error_detail=f"The service stopped answering: {gone}")
            row.path = film.path
            if row.error is not None:
                self.failures[row.error].append(film.path)
                self.unsettled += not is_settled(row)
            if self.labelled is not None:
                sha256 = entry.identity.sha256 if entry is not None and entry.identity is not None else None
                self.labelled.add(film, row, sha256)
            yield row

    def _print_summary(self, seconds: float, gone: Exception | None, *, is_replaced: bool) -> None:
        failed = sum(map(len, self.failures.values()))
        counts, total = self.counts, len(self.films)
        tell(f"{total - failed} films scored, {failed} failed.")
        for slug, paths in sorted(self.failures.items()):
            more = f" and {len(paths) - _PATHS_SHOWN} more" if len(paths) > _PATHS_SHOWN else ""
            tell(f"  {slug}: {len(paths)}: {', '.join(map(shown, paths[:_PATHS_SHOWN]))}{more}")
        if counts["changed"]:
            tell(f"{counts['changed']} of {total} films changed since an earlier start, and were sent again.")
        if counts["same"]:
            tell(f"{counts['same']} of {total} films have another time but the same bytes, and were not sent.")
        if counts["unread"]:
            tell(f"{counts['unread']} of {total} films could not be read, and were not sent.")
        if sent := counts["sent"]:
            cpu = time.process_time() - self.cpu_began
            worked_on = counts.total() - counts["changed"]  # those that could not be read cost time too
            per_film = f"{1000 * cpu / worked_on:.2f} ms of this command's own CPU time a film"
            tell(f"{sent} sent in {seconds:.1f} s: {sent / seconds:.0f} films/s, {per_film}.")
        tell(f"Result: {self.out}" if is_replaced else f"Nothing changed. Result, as it was: {self.out}")
        if gone is not None:
            tell(f"The service stopped answering ({gone}).")
        if self.unsettled:
            tell(f"Start the same command again to retry {self.unsettled} that may yet succeed.")
        if self.labelled is not None:
            tell(*self.labelled.report())


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
