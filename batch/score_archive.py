"""`pneumoserve score --in-process --out PREFIX/`: an archive into parts, resumably."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from typing import NamedTuple

from rich.console import Console

from app.process import granted_cores
from batch.archive import DEFAULT_PART_FILMS, Archive, Plan
from batch.console import ScoringProgress, print_counts, print_err, print_out
from batch.destinations import open_destination
from batch.errors import CallError, ScoreError
from batch.in_process import FilmScorer, InProcess, ScoringOptions
from batch.part_rows import PartRows
from batch.parts import Parts, describe_run
from batch.results import Row
from batch.shards import Shard

_SECONDS_BETWEEN_LOOKS = 0.2
_PARTS_AT_ONCE = 2
"""While one is written, the next is scored."""


class _Pending(NamedTuple):
    number: int
    rows: list[Future[Row]]


def score_archive(
    name_sources: Callable[[], Sequence[str]],
    options: ScoringOptions,
    *,
    out: str,
    part_films: int = DEFAULT_PART_FILMS,
    shard: Shard = Shard(),  # noqa: B008 - immutable
    concurrency: int,
) -> int:
    """Score the films of an archive; write a Parquet part for every `part_films` of them.

    The same call resumes: parts that are there stay as they are.

    Args:
        name_sources: returns manifests, folders, files and URLs; see `Archive`.
        options: which model scores, and how.
        out: a folder, or a prefix of an object store; see `open_destination`.
        part_films: films a part, at least 1.
        shard: which parts are this process's.
        concurrency: films read at once, at least 1.

    Returns:
        the exit status: 0 all films of this start scored, 1 one failed or a store did, 2 wrong call, 130 interrupted.

    Raises:
        ModelError, InvalidParameter: see `FilmScorer`.
    """
    try:
        archive = Archive(name_sources())
        plan = archive.plan(part_films)
        destination = open_destination(out)
        scorer = FilmScorer(options)
        parts = Parts(destination, plan, describe_run(scorer, plan))
        missing = [number for number in parts.missing() if shard.takes(number)]
        mine = [number for number in range(len(parts)) if shard.takes(number)]
        if len(missing) < len(mine):
            print_err(f"{len(mine) - len(missing)} of {len(mine)} parts were written by an earlier start.")
        films = sum(map(plan.size, mine))
        run = _ArchiveRun(archive, parts, films, films - sum(map(plan.size, missing)))
        with closing(InProcess(scorer, granted_cores())) as backend:
            run.score(missing, plan, backend, concurrency)
        run.print_summary(len(mine), out)
    except (ScoreError, OSError) as error:
        print_err(str(error))
        return 2 if isinstance(error, CallError) else 1
    except KeyboardInterrupt:
        print_out("Interrupted. Start the same command again to go on: the parts that are written stay.")
        return 130
    return 1 if run.failures else 0


class _ArchiveRun:
    """One start: films → rows → parts → summary."""

    def __init__(self, archive: Archive, parts: Parts, films: int, already: int) -> None:
        self.failures: Counter[str] = Counter()
        self._archive = archive
        self._parts = parts
        self._films = films
        self._already = already
        self._scored = 0  # in parts that are finished
        self._began, self._cpu_began = time.perf_counter(), time.process_time()

    def score(self, missing: Sequence[int], plan: Plan, backend: InProcess, concurrency: int) -> None:
        """Score and write the parts of these numbers, ascending.

        Raises:
            StoreFailed: the films, or the parts, can no longer be reached.
            CallError: see `Archive.planned`.
        """
        wanted = set(missing)
        pending: deque[_Pending] = deque()
        rows = PartRows(backend.score, plan.samples)
        readers = ThreadPoolExecutor(concurrency, "reader")
        try:
            with ScoringProgress(Console(stderr=True), self._films, self._already) as progress:
                for number, addresses in self._archive.planned(plan):
                    if not wanted:
                        break
                    if number in wanted:
                        wanted.remove(number)
                        pending.append(_Pending(number, [readers.submit(backend.score, film) for film in addresses]))
                    if len(pending) == _PARTS_AT_ONCE:
                        self._finish(pending, rows, progress)
                while pending:
                    self._finish(pending, rows, progress)
        finally:
            backend.close()
            readers.shutdown(wait=False, cancel_futures=True)

    def _finish(self, pending: deque[_Pending], rows: PartRows, progress: ScoringProgress) -> None:
        """Wait for the first of the parts, and write it."""
        first = pending[0]
        waiting = set(first.rows)
        while waiting:
            _, waiting = wait(waiting, _SECONDS_BETWEEN_LOOKS)
            scored = self._scored + sum(row.done() for part in pending for row in part.rows)
            progress.show(self._already + scored, self.failures.total(), scored)
        finished = rows.finish([row.result() for row in first.rows])
        self._parts.commit(first.number, finished)
        pending.popleft()
        self._scored += len(finished)
        self.failures.update(row.error for row in finished if row.error is not None)

    def print_summary(self, parts: int, out: str) -> None:
        """Print what this start did."""
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu_began
        print_counts(self._scored, self.failures, seconds, cpu)
        print_out(f"Result: {parts} parts of {len(self._parts)} in {out}")
