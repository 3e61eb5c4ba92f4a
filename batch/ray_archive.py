"""`pneumoserve score --on ray`: an archive into parts, resumably, over the actors of a Ray cluster."""

from __future__ import annotations

import queue
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from batch.archive import DEFAULT_PART_FILMS, Archive, Slice
from batch.console import ScoringProgress, print_counts, print_err, print_out
from batch.destinations import open_destination
from batch.errors import CallError, JobFailed, ScoreError
from batch.in_process import FilmScorer, ScoringOptions
from batch.parts import Parts, describe_run
from batch.ray_actor import Job, PartReport, PartScorer, decode_reports, encode_slice
from batch.ray_cluster import parse_address, ray_actors

PASSES_IN_VAIN = 3
_SECONDS_TO_START, _SECONDS_A_FILM = 600.0, 1.0
"""After which time without a finished part the job ends: so long, and so long for each film of a part."""
_AGAIN = "Start the same command again to go on."
_LOG = "ray-data.log in Ray's folder (/tmp/ray/session_latest/logs/ray-data) says why"


def score_on_ray(
    name_sources: Callable[[], Sequence[str]],
    options: ScoringOptions,
    *,
    on: str,
    out: str,
    part_films: int = DEFAULT_PART_FILMS,
) -> int:
    """Score the films of an archive on a Ray cluster; write a Parquet part for every `part_films` of them.

    The same call resumes: parts that are there stay as they are. Every machine needs the model store, the films and
    `out` under the same names.

    Args:
        name_sources: returns manifests, folders, files and URLs; see `Archive`.
        options: which model scores, and how.
        on: see `parse_address`.
        out: a folder, or a prefix of an object store; see `open_destination`.
        part_films: films a part, at least 1.

    Returns:
        the exit status: 0 all films of this start scored, 1 one failed or the cluster did, 2 wrong call, 130
        interrupted.

    Raises:
        ModelError, InvalidParameter: see `FilmScorer`.
    """
    scored = _Scored()
    try:
        address = parse_address(on)
        archive = Archive(name_sources())
        plan = archive.plan(part_films)
        scorer = FilmScorer(options)
        parts = Parts(open_destination(out), plan, describe_run(scorer, plan))
        if missing := parts.missing():
            if len(missing) < len(parts):
                print_err(f"{len(parts) - len(missing)} of {len(parts)} parts were written by an earlier start.")
            already = plan.films - sum(map(plan.size, missing))
            with ray_actors(address) as actors:
                print_err(f"Ray: {actors} actors of one CPU each; one CPU stays free.")
                reports = _score(archive, Job(scorer.options, out, plan), parts, actors)
                scored.follow(reports, plan.films, already)
        scored.print_summary()
        print_out(f"Result: {len(parts)} parts in {out}")
    except (ScoreError, OSError) as error:
        print_err(str(error))
        return 2 if isinstance(error, CallError) else 1
    except KeyboardInterrupt:
        print_out(f"Interrupted. {_AGAIN} The parts that are written stay.")
        return 130
    return 1 if scored.failures else 0


@dataclass
class _Scored:
    """Counts of this start."""

    films: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def follow(self, reports: Iterator[PartReport], total: int, already: int) -> None:
        """Count reports as they come; show the progress, of `total` films with `already` scored by earlier starts."""
        began = time.perf_counter()
        with ScoringProgress(Console(stderr=True), total, already) as progress:
            for report in reports:
                self.films += report.films
                self.failures.update(report.failures)
                self.cpu_seconds += report.cpu_seconds
                progress.show(already + self.films, self.failures.total(), self.films)
        self.seconds = time.perf_counter() - began

    def print_summary(self) -> None:
        """Print the counts; the time begins when the cluster stands, and includes opening the model in each actor."""
        print_counts(self.films, self.failures, self.seconds, self.cpu_seconds)


def _score(archive: Archive, job: Job, parts: Parts, actors: int) -> Iterator[PartReport]:
    """Yield a report of each missing part, once it is written.

    Parts whose actor or machine died, or that were handed to it before Ray noticed, are given out again in another pass
    with new actors; `PASSES_IN_VAIN` passes in a row that wrote nothing are the last ones.

    Raises:
        JobFailed: a machine cannot score, no part was finished for too long, or parts are missing at the end.
    """
    deadline = _SECONDS_TO_START + _SECONDS_A_FILM * job.plan.part_films
    missing, in_vain = parts.missing(), 0
    while missing and in_vain < PASSES_IN_VAIN:
        wanted = set(missing)
        slices = (part for part in archive.planned(job.plan) if part.number in wanted)
        yield from _run_pass(slices, job, min(actors, len(wanted)), deadline)
        missing = parts.missing()
        in_vain = in_vain + 1 if len(missing) == len(wanted) else 0
    if missing:
        raise JobFailed(
            f"{len(missing)} of {len(parts)} parts are missing: {PASSES_IN_VAIN} times in a row their actors died, "
            f"or wrote them elsewhere ({parts.name(missing[0])}). {_LOG}; it is memory most often. {_AGAIN}"
        )


def _run_pass(slices: Iterator[Slice], job: Job, actors: int, deadline: float) -> Iterator[PartReport]:
    import pyarrow as pa
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A part that is lost with its actor neither ends the pass nor waits for its machine.
    context.max_errored_blocks = -1
    # One by one into the object store, which moves to the disk what it cannot hold.
    rows = [ray.put(pa.table(encode_slice(part))) for part in slices]
    with warnings.catch_warnings():
        # Until Ray 2.64 a task's retries are limited in no other way.
        warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated")
        dataset = ray.data.from_arrow_refs(rows).map_batches(
            PartScorer,
            fn_constructor_args=(job,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
            num_cpus=1,
            max_task_retries=0,
        )
    for batch in _within(deadline, dataset.iter_batches(batch_size=None, prefetch_batches=0)):
        for report in decode_reports(batch):
            if report.problem:
                raise JobFailed(f"{report.problem} Mend that, and start the same command again to go on.")
            yield report


def _within(deadline: float, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield batches from a thread of their own: waiting for Ray's iterator has no limit, and may not be interrupted.

    Raises:
        JobFailed: none came for `deadline` seconds, or Ray ended the job.
    """
    end = object()
    taken: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def take() -> None:
        try:
            for batch in batches:
                taken.put(batch)
            taken.put(end)
        except BaseException as error:  # it must reach the caller's thread
            taken.put(error)

    threading.Thread(target=take, daemon=True).start()
    while True:
        try:
            item = taken.get(timeout=deadline)
        except queue.Empty:
            raise JobFailed(f"No part was finished for {deadline:.0f} s. {_LOG}. {_AGAIN}") from None
        if item is end:
            return
        if isinstance(item, BaseException):
            raise JobFailed(f"Ray ended the job: {type(item).__name__}: {item}. {_AGAIN}") from item
        yield item
