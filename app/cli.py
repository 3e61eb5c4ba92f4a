"""Options that commands share, and errors in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.errors import PneumoServeError
from app.names import EngineName, GateMode

DEFAULT_STORE = Path("model_store")
StoreOption = Annotated[
    Path, typer.Option("--model-store", envvar="PNEUMOSERVE_MODEL_STORE", help="The folder of the model store.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        envvar="PNEUMOSERVE_MODEL",
        help="The model, as NAME or NAME/VERSION. By default the one that the file DEFAULT in the store names.",
    ),
]
EngineOption = Annotated[EngineName, typer.Option(envvar="PNEUMOSERVE_ENGINE", help="The library that computes.")]
PrevalenceOption = Annotated[
    float | None,
    typer.Option(
        min=0.0001,
        max=0.9999,
        envvar="PNEUMOSERVE_PREVALENCE",
        help="The proportion of pneumonia among your films. By default the one that the model was fitted at.",
    ),
]
GateOption = Annotated[
    GateMode,
    typer.Option(
        envvar="PNEUMOSERVE_GATE",
        help="What becomes of a film outside the model's domain: refuse, flag (answered, with refer) or off.",
    ),
]
PatientsOption = Annotated[
    Path | None,
    typer.Option(help="A CSV with the columns path and patient. By default patients are known from file names."),
]
OperatingPointOption = Annotated[
    str | None,
    typer.Option(help="The operating point at which classes are given. By default the model's own default."),
]

ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        envvar="PNEUMOSERVE_API_KEY",
        show_envvar=True,
        help="The service's API key; better set than typed. Default: none.",
    ),
]
ApiKeyFileOption = Annotated[
    Path | None,
    typer.Option(
        envvar="PNEUMOSERVE_API_KEY_FILE",
        show_envvar=True,
        help="A file that holds the API key on its first line. Default: none.",
    ),
]


@contextmanager
def errors_in_one_line(*others: type[Exception], install: str = "install-train") -> Iterator[None]:
    """End the command with status 2 and an error's one line on standard error.

    `others`: errors beside the project's own; `install`: the target of make that installs what may be missing.
    """
    told: tuple[type[Exception], ...] = (PneumoServeError, *others)
    try:
        yield
    except ModuleNotFoundError as error:
        typer.echo(f"This needs {error.name}, which is not installed: run `make {install}`.", err=True)
        raise typer.Exit(2) from None
    except told as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
