"""The commands `dicom` and `gateway`; each imports its libraries when called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli import OperatingPointOption

UrlOption = Annotated[str, typer.Option(help="The address of the service.")]
ApiKeyOption = Annotated[
    str | None,
    typer.Option(envvar="PNEUMOSERVE_API_KEY", help="The service's API key; better set than typed. Default: none."),
]
ContourOption = Annotated[
    bool, typer.Option("--contour", help="Also write a presentation state that outlines strong evidence.")
]


def dicom(
    files: Annotated[list[Path], typer.Argument(help="DICOM films.", metavar="FILE…")],
    out: Annotated[Path, typer.Option(help="The folder for the results.")],
    url: UrlOption = "http://127.0.0.1:8000",
    operating_point: OperatingPointOption = None,
    contour: ContourOption = False,
    api_key: ApiKeyOption = None,
) -> None:
    """Write the service's answers as DICOM: for each film a Secondary Capture and a structured report of its study.

    One JSON line a film. Status 1 where one failed.
    """
    with _errors_in_one_line():
        from batch.client import RetryPolicy
        from batch.service import Service
        from gateway.asking import Asker
        from gateway.files import write_files
        from gateway.libraries import prepare_libraries

        prepare_libraries()
        asker = Asker(Service(url, operating_point, api_key), policy=RetryPolicy(), with_map=contour)
        failed = write_files(files, asker, out, contour=contour, output=typer.echo)
    raise typer.Exit(1 if failed else 0)


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    from app.errors import PneumoServeError
    from batch.errors import CallError

    try:
        yield
    except ModuleNotFoundError as error:
        typer.echo(f"This needs {error.name}, which is not installed: run `make install-gateway`.", err=True)
        raise typer.Exit(2) from None
    except (PneumoServeError, CallError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
