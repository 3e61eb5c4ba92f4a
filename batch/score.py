"""`pneumoserve score`: many films over HTTP into one result, resumably."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from batch.connection import Connection, Liveness
from batch.console import print_err, print_out
from batch.errors import CallError, ScoreError, ServiceError, ServiceGone
from batch.journal import Journal
from batch.journal_format import Run
from batch.journal_keys import JournalKeys
from batch.labels import LabelledRows
from batch.page import RunPage
from batch.path_lists import expand_sources
from batch.paths import find_films
from batch.pipeline import Pipeline
from batch.results import check_writable
from batch.retry import RetryPolicy
from batch.service import Service

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
    html: Path | None = None,
    policy: RetryPolicy | None = None,
) -> int:
    """Send every film of `sources` to the service at `url`; write one row a film to `out`.

    The same call resumes from `<out>.journal`: it sends what is new, changed, or failed but may succeed. A film is
    unchanged where size and time are the same, or the SHA-256. A finished journal is `<out>.films`; without it, only
    `restart` replaces a result.

    Args:
        sources: folders, files, or `-` for standard input; see `find_films`.
        url: without a route.
        out: .csv, .jsonl or .parquet.
        labels: "folders": report metrics, too.
        operating_point: None: the model's default.
        concurrency: films sent at once, at least 1.
        api_key: sent as `X-API-Key`.
        restart: forget earlier starts and replace the result.
        null: see `read_list`.
        encoding: likewise.
        retry_failed: also retry what was refused for what it is.
        root: the journal names films below this folder, which may move.
        html: also write a page with the films; see `RunPage`.
        policy: of retries.

    Returns:
        the exit status: 0 all scored, 1 a film failed or no service answered, 2 wrong call, 130 interrupted.
    """
    cpu_began = time.process_time()
    try:
        check_writable(out)
        page = RunPage(html) if html else None
        keys = JournalKeys(root)
        service = Service(url, operating_point, api_key)
        found = find_films(expand_sources(sources, sys.stdin, null=null, encoding=encoding))
        films = found.films
        if skipped := found.describe_skipped():
            print_err(skipped)
        keys.check(film.key for film in films)
        labelled = LabelledRows(films) if labels else None
        policy = policy or RetryPolicy()
        run = replace(_ask_for_model(service, policy), relative=keys.relative)
        with Journal(out, run, keys, restart=restart) as journal:
            journal.check_result()
            if forgotten := journal.check_films(film.key for film in films):
                print_err(f"{forgotten} films that had failed are not named now: the result leaves them out.")
            pipeline = Pipeline(films, journal, out, labelled, cpu_began, retry_failed, page)
            service = replace(service, operating_point=run.operating_point)
            return pipeline.run(service, policy, concurrency, Console(stderr=True))
    except (ScoreError, OSError) as error:
        print_err(str(error))
        return 2 if isinstance(error, CallError) else 1
    except KeyboardInterrupt:
        print_out("Interrupted before a film was sent, or while the result was written. Start the same command again.")
        return 130


def _ask_for_model(service: Service, policy: RetryPolicy) -> Run:
    policy = replace(policy, refused=min(policy.refused, _SECONDS_FOR_A_START))
    connection = Connection(service, policy, Liveness())
    try:
        answer = connection.model()
    except ServiceGone as gone:
        raise _no_answer(service, str(gone)) from None
    finally:
        connection.close()
    model = answer.json()
    if answer.status == 401:
        raise CallError(f"{service.base} wants an API key: --api-key, or PNEUMOSERVE_API_KEY.")
    if answer.status is None or answer.status >= 500:
        raise _no_answer(service, answer.detail or f"status {answer.status}")
    if answer.status != 200 or model is None or not isinstance(model.get("operating_points"), dict):
        raise CallError(f"Expected PneumoServe at {service.base}. Received status {answer.status} for GET /model.")
    points = model["operating_points"]
    point = service.operating_point or model.get("default_operating_point")
    if point not in points:
        raise CallError(f"Expected --operating-point to be one of {', '.join(points)}. Received: {point}.")
    return Run(point, f"{model.get('name')}/{model.get('version')}", model.get("sha256"))


def _no_answer(service: Service, reason: str) -> ServiceError:
    return ServiceError(f"No answer from {service.base} ({reason}). Nothing was sent; is the service running?")
