"""The command `score`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from app.cli import (
    DEFAULT_STORE,
    ApiKeyFileOption,
    ApiKeyOption,
    EngineOption,
    GateOption,
    ModelOption,
    OperatingPointOption,
    PrevalenceOption,
    StoreOption,
    errors_in_one_line,
)
from app.names import DEFAULT_ENGINE
from batch.errors import ScoreError

DEFAULT_URL = "http://127.0.0.1:8000"
_OF_A_SERVICE = ("url", "patience", "api_key", "api_key_file")
_IN_PROCESS = ("model", "store", "engine", "prevalence", "gate")
_OF_PARTS = ("part_films", "shard", "on")
_NOT_ON_RAY = ("shard", "concurrency")
_OF_A_FILE = ("labels", "html", "restart", "retry_failed", "root")
_SPELLINGS = {"store": "model_store"}


def score(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, files, or - for paths on standard input, one a line. With --in-process also URLs of films "
            "(s3://, gs://), and manifests: .parquet and .csv with the column path, .txt with an address a line.",
            metavar="FOLDER|FILE|MANIFEST|-…",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            help="The result, in the format of its ending: .csv, .jsonl or .parquet. With --in-process, what ends with "
            "a slash or begins with s3:// or gs:// is a folder or prefix for Parquet parts.",
            metavar="FILE|PREFIX/",
        ),
    ],
    url: Annotated[str | None, typer.Option(help=f"The address of the service. By default {DEFAULT_URL}.")] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Score in this process, on all granted cores, without a service.")
    ] = False,
    labels: Annotated[
        Literal["folders"] | None,
        typer.Option(help="With `folders`, films lie in NORMAL and PNEUMONIA, and metrics come last. Default: none."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page with the films: errors first, then by probability; with --labels, ROC, calibration "
            "and the most confident mistakes, too. It holds X-ray images and names. By default none is written."
        ),
    ] = None,
    operating_point: OperatingPointOption = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=64,
            help="How many films are sent at once, by default 8; with --in-process read at once, by default 4 a core.",
        ),
    ] = None,
    patience: Annotated[float, typer.Option(min=0, help="For how many seconds a film is tried again.")] = 120.0,
    api_key: ApiKeyOption = None,
    api_key_file: ApiKeyFileOption = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget earlier starts, and replace OUT.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Send again all films that failed, whatever the reason.")
    ] = False,
    root: Annotated[
        str | None,
        typer.Option(
            help="Identify films by their paths below this folder, wherever it is mounted. By default by absolute path."
        ),
    ] = None,
    null: Annotated[
        bool, typer.Option("--null", help="Paths on standard input end with NUL, as `find -print0` writes them.")
    ] = False,
    encoding: Annotated[
        str | None,
        typer.Option(help="The encoding of the list on standard input. By default UTF-8, or its byte-order mark's."),
    ] = None,
    part_films: Annotated[int, typer.Option(min=1, help="How many films a part holds, for --out PREFIX/.")] = 2000,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Score only the parts whose number modulo N is I; auto is I of a Kubernetes Indexed Job's pod. By "
            "default all.",
            metavar="I/N|auto/N",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            help="Score on Ray, on all cores of this machine (ray), or of a cluster that it belongs to (ray:HOST:PORT, "
            "ray:auto). By default in this process.",
            metavar="ray[:ADDRESS]",
        ),
    ] = None,
    model: ModelOption = None,
    store: StoreOption = DEFAULT_STORE,
    engine: EngineOption = DEFAULT_ENGINE,
    prevalence: PrevalenceOption = None,
    gate: GateOption = "refuse",
) -> None:
    """Score many films over HTTP or in-process, one row a film. Started again, it scores what is new or changed.

    Status 1 where a film failed.
    """
    from batch.destinations import is_prefix

    into_parts = is_prefix(out)
    _check_options(context, in_process=in_process, into_parts=into_parts, on_ray=on is not None)
    of_list: dict[str, Any] = {"null": null, "encoding": encoding}
    of_file: dict[str, Any] = {
        "out": Path(out),
        "labels": labels,
        "html": html,
        "restart": restart,
        "retry_failed": retry_failed,
        "root": root,
    }
    if not in_process:
        from batch.api_key import read_api_key
        from batch.retry import RetryPolicy
        from batch.score import score as score_over_http

        with errors_in_one_line(ScoreError):
            api_key = read_api_key(api_key, api_key_file)
        status = score_over_http(
            sources,
            url=url or DEFAULT_URL,
            operating_point=operating_point,
            concurrency=concurrency or 8,
            api_key=api_key,
            policy=RetryPolicy(patience=patience, refused=patience),
            **of_list,
            **of_file,
        )
        raise typer.Exit(status)

    with errors_in_one_line(ScoreError, install="install-archive"):
        from app.process import granted_cores, prepare_process
        from batch.in_process import READERS_A_CORE, FilmScorer, InProcess, ScoringOptions
        from batch.manifests import read_manifests
        from batch.path_lists import expand_sources
        from batch.score import score_to_file
        from batch.score_archive import score_archive
        from batch.shards import parse_shard

        prepare_process()
        options = ScoringOptions(store, model, engine, operating_point, prevalence, gate)
        concurrency = concurrency or max(8, READERS_A_CORE * granted_cores())

        def name_sources() -> list[str]:
            return expand_sources(sources, sys.stdin, **of_list)

        if on is not None:
            from batch.ray_archive import score_on_ray

            status = score_on_ray(name_sources, options, on=on, out=out, part_films=part_films)
        elif into_parts:
            status = score_archive(
                name_sources,
                options,
                out=out,
                part_films=part_films,
                shard=parse_shard(shard or "0/1", os.environ),
                concurrency=concurrency,
            )
        else:
            status = score_to_file(
                lambda: read_manifests(name_sources()),
                lambda: InProcess(FilmScorer(options), granted_cores()),
                concurrency=concurrency,
                verb="scored",
                **of_file,
            )
    raise typer.Exit(status)


def _check_options(context: typer.Context, *, in_process: bool, into_parts: bool, on_ray: bool) -> None:
    """End with status 2 where options do not belong together; variables of the environment count for nothing."""
    if into_parts and not in_process:
        _end("Expected --out to be a file, or --in-process: only with it are there parts in a folder or prefix.")
    checks = (
        (in_process, _OF_A_SERVICE, "without --in-process, which asks no service"),
        (not in_process, _IN_PROCESS, "with --in-process: a service has its own"),
        (into_parts, _OF_A_FILE, "with --out FILE"),
        (not into_parts, _OF_PARTS, "with --out PREFIX/, which ends with a slash"),
        (on_ray, _NOT_ON_RAY, "without --on: Ray shares out the work itself"),
    )
    for applies, names, expected in checks:
        for name in names if applies else ():
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                option = _SPELLINGS.get(name, name).replace("_", "-")
                _end(f"Expected --{option} only {expected}.")


def _end(line: str) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(2)
