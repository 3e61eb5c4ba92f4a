"""The command `pneumoserve`, and the Python client: `from pneumoserve import Client`.

serve · predict · score · dicom · gateway · train · train-lungs · evaluate · audit · site-report · models.
Each command imports its part when it is called, and the client when it is asked for, so that none pays for another's
libraries.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from app.cli import (
    DEFAULT_STORE,
    EngineOption,
    GateOption,
    ModelOption,
    OperatingPointOption,
    PrevalenceOption,
    StoreOption,
    errors_in_one_line,
)
from app.names import DEFAULT_ENGINE
from app.version import package_version
from batch import commands as batch_commands
from gateway import commands as gateway_commands
from training import commands, train_commands
from training.publishing import commands as publishing

if TYPE_CHECKING:
    from app.api.schemas import Health, ModelDescription, Prediction
    from app.inference.metrics_record import Metrics
    from batch.async_client import AsyncClient
    from batch.client import Client
    from batch.errors import ClientError, NoAnswer, Problem, UnexpectedAnswer, WrongAddress
    from batch.retry import ONCE, RetryPolicy
else:

    def __getattr__(name: str) -> object:
        if module := _HOMES.get(name):
            return getattr(importlib.import_module(module), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ONCE",
    "AsyncClient",
    "Client",
    "ClientError",
    "Health",
    "ModelDescription",
    "NoAnswer",
    "Prediction",
    "Problem",
    "RetryPolicy",
    "UnexpectedAnswer",
    "WrongAddress",
]
_HOMES = {
    "AsyncClient": "batch.async_client",
    "Client": "batch.client",
    **dict.fromkeys(["ONCE", "RetryPolicy"], "batch.retry"),
    **dict.fromkeys(["ClientError", "NoAnswer", "Problem", "UnexpectedAnswer", "WrongAddress"], "batch.errors"),
    **dict.fromkeys(["Health", "ModelDescription", "Prediction"], "app.api.schemas"),
}


class Commands(TyperGroup):
    """The commands; a wrong call is one line on standard error that names the next step, and status 2."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command, and end the process with its status."""
        try:
            status = super().main(*args, **{**options, "standalone_mode": False})
        except Exception as error:
            describe, context = getattr(error, "format_message", None), getattr(error, "ctx", None)
            if describe is None:  # no wrong call, but a defect
                raise
            called = context.command_path if context else "pneumoserve"
            message = " ".join(describe().split())
            print(f"{message}{'' if message[-1] in '.?' else '.'} See `{called} --help`.", file=sys.stderr)
            sys.exit(2)
        sys.exit(status if isinstance(status, int) else 0)


app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
keys_app = typer.Typer(help="Make API keys.")
models_app = typer.Typer(help="List the model store, choose the model that is served, or add a network of your own.")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pneumoserve {package_version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def pneumoserve(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Reads a chest X-ray and answers how likely pneumonia is. Not a medical device."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on. By default PNEUMOSERVE_HOST, or 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on. By default PNEUMOSERVE_PORT, or 8000.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            "--model-store",
            help="The folder of the model store. By default PNEUMOSERVE_MODEL_STORE, or model_store.",
        ),
    ] = None,
) -> None:
    """Serve the model over HTTP. Everything else is set by PNEUMOSERVE_… variables: see docs/settings.md."""
    from app.serve import serve as serve_until_ended

    raise typer.Exit(serve_until_ended(host=host, port=port, model_store=store))


@app.command()
def predict(
    # Not paths: as one, a file that is named `-`, which is written `./-`, would be standard input.
    files: Annotated[
        list[str], typer.Argument(help="JPEG, PNG or DICOM films; - for one on standard input.", metavar="FILE|-…")
    ],
    activation_maps: Annotated[
        Literal["none", "cam", "layers", "all"], typer.Option(help="The activation maps to put into the answer.")
    ] = "none",
    operating_point: OperatingPointOption = None,
    save_maps: Annotated[
        Path | None, typer.Option(help="Write the maps as PNG into this folder. By default they stay in the answer.")
    ] = None,
    model: ModelOption = None,
    store: StoreOption = DEFAULT_STORE,
    engine: EngineOption = DEFAULT_ENGINE,
    prevalence: PrevalenceOption = None,
    gate: GateOption = "refuse",
) -> None:
    """Predict films without a server: the same answers, one JSON line a film. Status 1 where one failed."""
    with errors_in_one_line():
        from app.inference.predictor import open_predictor
        from batch.predict import predict_files

        predictor = open_predictor(store, model, engine, prevalence=prevalence)
        failed = predict_files(
            predictor,
            files,
            operating_point=operating_point,
            maps=activation_maps,
            save_maps=save_maps,
            gate=gate,
            output=typer.echo,
        )
    raise typer.Exit(1 if failed else 0)


app.command()(batch_commands.score)
app.command()(gateway_commands.dicom)
app.command()(train_commands.train)
app.command()(train_commands.train_lungs)
app.command()(commands.evaluate)
app.command()(commands.audit)
app.command()(commands.site_report)
app.add_typer(gateway_commands.gateway_app, name="gateway")
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")


@keys_app.callback()
def keys() -> None:
    """Make API keys."""


@keys_app.command()
def new(name: Annotated[str, typer.Argument(help="Whose key it is: the log shows it.", metavar="NAME")]) -> None:
    """Print a new key, and what the service is to know of it: neither is kept anywhere."""
    from app.keys import make_key

    try:
        key, pair = make_key(name)
    except ValueError:
        typer.echo("Expected a name of 1 to 64 letters, digits and . _ -. Received another.", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"key, for its owner:                    {key}")
    typer.echo(f"for the service, PNEUMOSERVE_API_KEYS: {pair}")


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, store: StoreOption = DEFAULT_STORE) -> None:
    """List the store's models: name/version, when made, and what they reached on their validation films."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from app.errors import ModelError
    from app.inference.artifact import find_entry, list_entries

    labels = list_entries(store)
    if not labels:
        where = f"There is no model in {store.absolute()}"
        typer.echo(f"{where}: name the store with --model-store or PNEUMOSERVE_MODEL_STORE.", err=True)
        raise typer.Exit(2)
    try:
        default = find_entry(store).label
    except ModelError:
        default = ""
    table = Table("model", "created", "validation AUC", "operating points", "note")
    for label in labels:
        try:
            manifest = find_entry(store, label).manifest
        except ModelError as error:
            table.add_row(label, "", "", "", f"refused: {error}")
            continue
        points = ", ".join(manifest.operating_points)
        note = "the default" if label == default else ""
        table.add_row(label, manifest.created[:10], _validation_auc(manifest.metrics), points, note)
    Console().print(table)


def _validation_auc(metrics: Metrics | None) -> str:
    """Return the AUC that a model reached on its validation films; empty for one that was trained elsewhere."""
    for point in metrics.validation.operating_points.values() if metrics else ():
        return f"{point.auc.value:.3f} ({point.auc.low:.3f} to {point.auc.high:.3f})"
    return ""


models_app.command()(publishing.export)
models_app.command()(publishing.card)
models_app.command()(publishing.promote)
models_app.command()(publishing.rollback)


def main() -> None:
    """Run the command line; where the system gives no memory, or no space for what is written, one line says so."""
    from app.errors import OUT_OF_MEMORY, is_out_of_memory

    # Before NumPy is imported: its OpenBLAS was seen to wait for ever for one of its own threads (NumPy 2.5, between
    # two trainings in one process), and nothing here multiplies matrices that are worth several threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        # An encoding that knows no … gets \u2026 instead. Whoever closed a stream left None of it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if is_out_of_memory(error):
            reason = OUT_OF_MEMORY
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            reason = f"There is no space left to write {error.filename or 'the output'}."
            # Python would try again, on its way out, to write what is left over.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        else:
            raise
        print(reason, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
