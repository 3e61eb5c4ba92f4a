"""One start: films → workers → journal → result → summary."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console

from batch.answer import is_settled
from batch.connection import Liveness
from batch.console import ScoringProgress, print_err, print_out
from batch.errors import ModelChanged, ServiceGone, WrongKey
from batch.fingerprint import fingerprint_file
from batch.journal import Journal
from batch.journal_format import Run
from batch.labels import LabelledRows
from batch.page import RunPage
from batch.paths import Film, join_some
from batch.results import Row, replace_result, write_part
from batch.workers import FilmClient, FilmTask, Workers

_SECONDS_BETWEEN_SYNCS = 0.2


@dataclass
class Pipeline:
    """One start of the scoring.

    `cpu_began`: `time.process_time()` at the call's beginning. The CPU time printed includes walking folders and
    writing the result, not the interpreter's start. `verb`: what is done to films, for the summary.
    """

    films: Sequence[Film]
    journal: Journal
    out: Path
    labelled: LabelledRows | None
    cpu_began: float
    retry_failed: bool = False
    page: RunPage | None = None
    verb: Literal["sent", "scored"] = "sent"
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unsettled: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, connect: Callable[[Liveness], FilmClient], concurrency: int, console: Console) -> int:
        """Score the films by clients that `connect` makes, write the result, print the summary; return the exit status.

        Raises:
            WrongKey, ModelChanged: the service ended the work.
        """
        task = FilmTask(self.journal, self.retry_failed)
        pending = [film for film in self.films if task.is_needed(film)]
        finished = len(self.films) - len(pending)
        if finished:
            print_err(f"{finished} of {len(self.films)} films were scored by an earlier start.")
        if finished and self.journal.is_finished and not self.out.exists():
            print_err(f"{self.out} is not there: it is written anew from {self.out.name}.films.")
        clock = time.perf_counter()
        gone = None
        if pending:
            self.journal.prepare()
            workers = Workers(pending, task.run, connect, concurrency)
            try:
                self._follow(workers, finished, console)
            except KeyboardInterrupt:
                print_out(
                    "Interrupted. Start the same command again to go on: "
                    f"{finished + sum(map(self._is_new, pending))} films stand in the journal."
                )
                return 130
            finally:
                workers.stop()
            gone = workers.failure
            if gone is not None and not isinstance(gone, ServiceGone):
                raise _explained(gone, self.journal.run)
        seconds = time.perf_counter() - clock
        missing = {film.key for film in pending if not self._is_new(film)} if gone else set()
        is_replaced = self._write(missing, gone)
        self._print_summary(seconds, gone, is_replaced=is_replaced)
        if self.page is not None:
            print_out(self.page.write(self.journal, self.labelled))
        return 1 if self.failures else 0

    def _follow(self, workers: Workers, finished: int, console: Console) -> None:
        """Append outcomes to the journal until the workers end."""
        failed = 0
        with ScoringProgress(console, len(self.films), finished) as progress:
            ended = False
            while not ended:
                ended = workers.done.wait(_SECONDS_BETWEEN_SYNCS)
                outcomes = [workers.outcomes.popleft() for _ in range(len(workers.outcomes))]
                if outcomes:
                    self.journal.append(outcome.entry for outcome in outcomes)
                for outcome in outcomes:
                    self.counts[outcome.kind] += 1
                    self.counts["changed"] += outcome.has_changed
                    failed += outcome.entry.row.error is not None
                finished += len(outcomes)
                progress.show(finished, failed, self.counts["sent"])

    def _is_new(self, film: Film) -> bool:
        return self.journal.has_new(film.key)

    def _write(self, missing: AbstractSet[str], gone: Exception | None) -> bool:
        """Write the result and note it in the journal; return whether it changed."""
        part = write_part(self.out, self._rows(missing, gone))
        written = fingerprint_file(part)
        is_other = not self.out.exists() or fingerprint_file(self.out).sha256 != written.sha256
        if not self.journal.knows_result(written):
            self.journal.note_result(written)
        if is_other:
            replace_result(part, self.out)
        else:
            part.unlink()
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
                self.labelled.add(film, row, entry.fingerprint.sha256 if entry and entry.fingerprint else None)
            if self.page is not None:
                self.page.add(film, row, self.labelled.label_of(film) if self.labelled else None)
            yield row

    def _print_summary(self, seconds: float, gone: Exception | None, *, is_replaced: bool) -> None:
        failed = sum(map(len, self.failures.values()))
        counts, total, verb = self.counts, len(self.films), self.verb
        print_out(f"{total - failed} films scored, {failed} failed.")
        for slug, paths in sorted(self.failures.items()):
            print_out(f"  {slug}: {len(paths)}: {join_some(paths)}")
        if counts["changed"]:
            print_out(f"{counts['changed']} of {total} films changed since an earlier start, and were {verb} again.")
        if counts["same"]:
            print_out(f"{counts['same']} of {total} films have another time but the same bytes, and were not {verb}.")
        if counts["unread"]:
            print_out(f"{counts['unread']} of {total} films could not be read, and were not {verb}.")
        if sent := counts["sent"]:
            cpu = time.process_time() - self.cpu_began
            processed = counts.total() - counts["changed"]  # unread films cost time too
            per_film = f"{1000 * cpu / processed:.2f} ms of this command's own CPU time a film"
            print_out(f"{sent} {verb} in {seconds:.1f} s: {sent / seconds:.0f} films/s, {per_film}.")
        print_out(f"Result: {self.out}" if is_replaced else f"Nothing changed. Result, as it was: {self.out}")
        if gone is not None:
            print_out(f"The service stopped answering ({gone}).")
        if self.unsettled:
            print_out(f"Start the same command again to retry {self.unsettled} that may yet succeed.")
        if self.labelled is not None:
            print_out(*self.labelled.report())


def _explained(failure: Exception, run: Run) -> Exception:
    """Return what ended the work, with what the caller can do."""
    if isinstance(failure, WrongKey):
        return WrongKey(f"The service refused the API key: {failure} What is scored stands in the journal.")
    if isinstance(failure, ModelChanged):
        return ModelChanged(
            f"The service changed its model from {run.model} ({run.model_sha256}) to {failure}. "
            "One result holds one model's answers: start over with --restart."
        )
    return failure
