"""Score many films over HTTP into one result, and go on from where an earlier start was cut off."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from batch.client import Pulse, Retrying, Sender
from batch.errors import CallError, ScoreError, ServiceError, ServiceGone
from batch.journal import Journal
from batch.keys import Keys
from batch.labels import Labelled
from batch.lists import expand_sources
from batch.paths import find_films
from batch.results import check_writable
from batch.run import Run
from batch.scoring import Scoring
from batch.service import Service
from batch.telling import tell, warn

_SECONDS_FOR_A_START = 10.0


def score(
    sources: Sequence[str],
    *,
    url: str,
    out: Path,
    labels: Literal["folders"] | None = None,
    operating_point: str | None = None,
    concurrency: int = 8,
    api_key: str | None = None,
    restart: bool = False,
    null: bool = False,
    encoding: str | None = None,
    retry_failed: bool = False,
    root: str | None = None,
    retrying: Retrying | None = None,
) -> int:
    """Send every film of `sources` to the service at `url` and write one row a film to `out`.

    Every finished film stands in `<out>.journal` before it counts as finished. The same call again goes on from there:
    it sends what is new, what changed, and what failed in a way that another start may mend. A film counts as the same
    where its file has the same size and time, or else where its bytes have the same SHA-256. Beside a finished result
    the journal stays as `<out>.films`, so that the same call keeps the result right. A result that did not come of such
    a file is replaced only with `restart`.

    Args:
        sources: folders, files, or `-` for paths on standard input; see `find_films`.
        url: of the service, without a route.
        out: the result; its ending, .csv, .jsonl or .parquet, is its format.
        labels: "folders" to end with the metrics against the parent folders' names.
        operating_point: a name from the model; None takes the model's default.
        concurrency: how many films are on their way at once, at least 1.
        api_key: sent as `X-API-Key`.
        restart: forget what earlier starts left, and replace the result.
        retry_failed: also send again what was refused for what it is.
        root: name films in the journal by their paths below this folder, so that it may be mounted elsewhere.
        null: the paths on standard input end with NUL; see `read_list`.
        encoding: of the list on standard input; see `read_list`.
        retrying: how often and how long to try again.

    Returns:
        the exit status: 0 all films scored, 1 some failed or the service did not answer, 2 wrong call, 130 interrupted.
    """
    cpu_began = time.process_time()
    try:
        check_writable(out)
        keys = Keys(root)
        service = Service(url, operating_point, api_key)
        found = find_films(expand_sources(sources, sys.stdin, null=null, encoding=encoding))
        films = found.films
        if passed_over := found.tell_passed_over():
            warn(passed_over)
        keys.check(film.key for film in films)
        labelled = Labelled(films) if labels else None
        retrying = retrying or Retrying()
        run = replace(_ask_for_model(service, retrying), relative=keys.relative)
        with Journal(out, run, keys, restart=restart) as journal:
            journal.check_result()
            if forgotten := journal.check_films(film.key for film in films):
                warn(f"{forgotten} films that had failed are not named now: the result leaves them out.")
            scoring = Scoring(films, journal, out, labelled, cpu_began, retry_failed)
            service = replace(service, operating_point=run.operating_point)
            return scoring.run(service, retrying, concurrency, Console(stderr=True))
    except (ScoreError, OSError) as error:
        warn(str(error))
        return 2 if isinstance(error, CallError) else 1
    except KeyboardInterrupt:
        tell("Interrupted before a film was sent, or while the result was written. Start the same command again.")
        return 130


def _ask_for_model(service: Service, retrying: Retrying) -> Run:
    """Ask the service which model and which operating point it will answer with."""
    sender = Sender(service, replace(retrying, refused=min(retrying.refused, _SECONDS_FOR_A_START)), Pulse())
    try:
        answer = sender.model()
    except ServiceGone as gone:
        raise ServiceError(
            f"No answer from {service.base} ({gone}). Nothing was sent; is the service running?"
        ) from None
    finally:
        sender.close()
    told = answer.json()
    if answer.status == 401:
        raise CallError(f"{service.base} wants an API key: --api-key, or PNEUMOSERVE_API_KEY.")
    if answer.status is None or answer.status >= 500:
        why = answer.detail or f"status {answer.status}"
        raise ServiceError(f"No answer from {service.base} ({why}). Nothing was sent; is the service running?")
    if answer.status != 200 or told is None or not isinstance(told.get("operating_points"), dict):
        raise CallError(f"Expected PneumoServe at {service.base}. Received status {answer.status} for GET /model.")
    points = told["operating_points"]
    point = service.operating_point or told.get("default_operating_point")
    if point not in points:
        raise CallError(f"Expected --operating-point to be one of {', '.join(points)}. Received: {point}.")
    return Run(point, f"{told.get('name')}/{told.get('version')}", told.get("sha256"))
