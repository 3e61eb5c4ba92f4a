"""`pneumoserve score`: many films into one result, resumably."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

from rich.console import Console

from batch.connection import Liveness
from batch.console import print_err, print_out
from batch.errors import CallError, ScoreError
from batch.journal import Journal
from batch.journal_format import Run
from batch.journal_keys import JournalKeys
from batch.labels import LabelledRows
from batch.over_http import OverHttp
from batch.page import RunPage
from batch.path_lists import expand_sources
from batch.paths import find_films
from batch.pipeline import Pipeline
from batch.results import check_writable
from batch.retry import RetryPolicy
from batch.workers import FilmClient


class Backend(Protocol):
    """What scores the films: a service, or a model in this process."""

    def find_run(self) -> Run:
        """Return what all rows have in common; called once, before `connect`."""
        ...

    def connect(self, liveness: Liveness) -> FilmClient:
        """Return what answers one thread's films."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


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

    Args:
        sources: folders, files, or `-` for standard input; see `find_films`.
        url: without a route.
        out: see `score_to_file`; so are the arguments that are not named here.
        labels: likewise.
        operating_point: None: the model's default.
        concurrency: films sent at once, at least 1.
        api_key: sent as `X-API-Key`.
        restart: likewise.
        null: see `read_list`.
        encoding: likewise.
        retry_failed: likewise.
        root: likewise.
        html: likewise.
        policy: of retries.

    Returns:
        the exit status: 0 all scored, 1 a film failed or no service answered, 2 wrong call, 130 interrupted.
    """
    return score_to_file(
        lambda: expand_sources(sources, sys.stdin, null=null, encoding=encoding),
        lambda: OverHttp(url, operating_point, api_key, policy or RetryPolicy()),
        out=out,
        labels=labels,
        concurrency=concurrency,
        restart=restart,
        retry_failed=retry_failed,
        root=root,
        html=html,
    )


def score_to_file(
    name_films: Callable[[], Sequence[str]],
    open_backend: Callable[[], Backend],
    *,
    out: Path,
    labels: Literal["folders"] | None = None,
    concurrency: int = 8,
    restart: bool = False,
    retry_failed: bool = False,
    root: str | None = None,
    html: Path | None = None,
    verb: Literal["sent", "scored"] = "sent",
) -> int:
    """Score every film that is named; write one row a film to `out`.

    The same call resumes from `<out>.journal`: it scores what is new, changed, or failed but may succeed. A film is
    unchanged where size and time are the same, or the SHA-256; one at a URL, where it has an answer. A finished journal
    is `<out>.films`; without it, only `restart` replaces a result.

    Args:
        name_films: returns paths and URLs; see `find_films`.
        open_backend: opens what scores.
        out: .csv, .jsonl or .parquet.
        labels: "folders": report metrics, too.
        concurrency: films read and scored at once, at least 1.
        restart: forget earlier starts and replace the result.
        retry_failed: also retry what was refused for what it is.
        root: the journal names films below this folder, which may move.
        html: also write a page with the films; see `RunPage`.
        verb: what is done to films, for the summary.

    Returns:
        the exit status; see `score`.
    """
    cpu_began = time.process_time()
    try:
        check_writable(out)
        page = RunPage(html) if html else None
        keys = JournalKeys(root)
        with closing(open_backend()) as backend:
            found = find_films(name_films())
            films = found.films
            if skipped := found.describe_skipped():
                print_err(skipped)
            keys.check(film.key for film in films)
            labelled = LabelledRows(films) if labels else None
            run = replace(backend.find_run(), relative=keys.relative)
            with Journal(out, run, keys, restart=restart) as journal:
                journal.check_result()
                if forgotten := journal.check_films(film.key for film in films):
                    print_err(f"{forgotten} films that had failed are not named now: the result leaves them out.")
                pipeline = Pipeline(films, journal, out, labelled, cpu_began, retry_failed, page, verb)
                return pipeline.run(backend.connect, concurrency, Console(stderr=True))
    except (ScoreError, OSError) as error:
        print_err(str(error))
        return 2 if isinstance(error, CallError) else 1
    except KeyboardInterrupt:
        print_out("Interrupted before a film was sent, or while the result was written. Start the same command again.")
        return 130
