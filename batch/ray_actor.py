"""The actor of a Ray cluster that scores parts of an archive: one verified model."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.errors import PneumoServeError
from app.process import prepare_process
from batch.archive import Plan, Slice
from batch.destinations import Destination, open_destination
from batch.errors import ScoreError, UnusableResult
from batch.in_process import READERS_A_CORE, FilmScorer, InProcess, ScoringOptions
from batch.part_rows import PartRows
from batch.parts import RUN_FILE, Parts, describe_run


@dataclass(frozen=True)
class Job:
    """What all actors need to know."""

    options: ScoringOptions
    out: str
    plan: Plan


class PartReport(NamedTuple):
    """What an actor tells of a part: its films, how many failed by slug, CPU time; or why it could not be written."""

    number: int
    films: int
    failures: dict[str, int]
    cpu_seconds: float
    problem: str | None


def encode_slice(part: Slice) -> dict[str, list[str]]:
    """Return a part's films as columns of one row; JSON, as a path need not be valid UTF-8."""
    return {"part": [json.dumps(part)]}


def decode_reports(batch: dict[str, Any]) -> list[PartReport]:
    """Return what actors told."""
    return [PartReport(*json.loads(text)) for text in batch["report"]]


class PartScorer:
    """Is given parts, scores them on one core, writes them itself, and returns reports.

    What would fail every part alike, as a missing model, is a report and not an exception, for which Ray would start
    the actor again, for minutes.
    """

    def __init__(self, job: Job) -> None:
        self._problem: str | None = None
        try:
            prepare_process()
            scorer = FilmScorer(job.options)
            destination = open_destination(job.out)
            _check_shared(destination, job.out)
            self._parts = Parts(destination, job.plan, describe_run(scorer, job.plan))
            self._score = InProcess(scorer, threads=1).score
            self._rows = PartRows(self._score, job.plan.samples)
            self._readers = ThreadPoolExecutor(READERS_A_CORE, "reader")
        except (PneumoServeError, ScoreError, OSError) as error:
            self._problem = f"{socket.gethostname()}: {error}"

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Score and write the part that `encode_slice` made a row."""
        began = time.process_time()
        number, addresses = json.loads(batch["part"][0])
        failures: Counter[str] = Counter()
        problem = self._problem
        if problem is None:
            try:
                rows = self._rows.finish(list(self._readers.map(self._score, addresses)))
                self._parts.commit(number, rows)
                failures.update(row.error for row in rows if row.error is not None)
            except (ScoreError, OSError) as error:
                problem = f"{socket.gethostname()}: {error}"
        report = PartReport(number, len(addresses), failures, time.process_time() - began, problem)
        return {"report": [json.dumps(report)]}


def _check_shared(destination: Destination, out: str) -> None:
    if destination.read(RUN_FILE) is None:
        raise UnusableResult(
            f"Expected --out to be reachable from every machine of the cluster. Received: {out}, which here is another "
            "folder. Name s3:// or gs://, or a folder that all machines mount at the same place."
        )
