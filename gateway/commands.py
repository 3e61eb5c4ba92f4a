"""The commands `dicom` and `gateway`; each imports its libraries when called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ApiKeyFileOption, ApiKeyOption, OperatingPointOption, errors_in_one_line
from batch.errors import CallError

if TYPE_CHECKING:
    from gateway.outbox import Outbox

UrlOption = Annotated[str, typer.Option(help="The address of the service.")]
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
    api_key_file: ApiKeyFileOption = None,
) -> None:
    """Write the service's answers as DICOM: for each film a Secondary Capture and a structured report of its study.

    One JSON line a film. Status 1 where one failed.
    """
    with errors_in_one_line(CallError, install="install-gateway"):
        from batch.api_key import read_api_key
        from batch.client import Client
        from gateway.asking import Asker
        from gateway.files import write_files
        from gateway.libraries import prepare_libraries

        prepare_libraries()
        client = Client(url, read_api_key(api_key, api_key_file), operating_point=operating_point)
        asker = Asker(client, with_map=contour)
        failed = write_files(files, asker, out, contour=contour, output=typer.echo)
    raise typer.Exit(1 if failed else 0)


gateway_app = typer.Typer(help="A DICOM node: films in, the service's answers out as DICOM.")
FolderOption = Annotated[
    Path | None,
    typer.Option(help="The folder of the outbox. By default PNEUMOSERVE_GATEWAY_FOLDER, or gateway-outbox."),
]


@gateway_app.callback(invoke_without_command=True)
def gateway(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(help="The address of the service. By default PNEUMOSERVE_GATEWAY_URL, or http://127.0.0.1:8000."),
    ] = None,
    destination: Annotated[
        str | None,
        typer.Option(
            help="Where results go: dicom://AE_TITLE@host:port, dicom-tls://…, or a DICOMweb server's address. "
            "By default PNEUMOSERVE_GATEWAY_DESTINATION."
        ),
    ] = None,
    orthanc: Annotated[
        str | None,
        typer.Option(
            help="Read the new films of the Orthanc at this address, and post results there. "
            "By default PNEUMOSERVE_GATEWAY_ORTHANC."
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to receive films at. By default PNEUMOSERVE_GATEWAY_PORT, or 11112.")
    ] = None,
    folder: FolderOption = None,
    api_key: ApiKeyOption = None,
    api_key_file: ApiKeyFileOption = None,
) -> None:
    """Run until a signal. Everything else is set by PNEUMOSERVE_GATEWAY_… variables: see docs/gateway.md."""
    if context.invoked_subcommand is not None:
        return
    with errors_in_one_line(CallError, install="install-gateway"):
        from batch.api_key import read_api_key
        from gateway.run import run_gateway
        from gateway.settings import read_settings

        given = {"url": url, "destination": destination, "orthanc": orthanc, "port": port, "folder": folder}
        status = run_gateway(read_settings(given), read_api_key(api_key, api_key_file))
    raise typer.Exit(status)


@gateway_app.command()
def status(
    folder: FolderOption = None,
    uid: Annotated[str | None, typer.Option(help="A film's SOP Instance UID. By default every film counts.")] = None,
) -> None:
    """Count the films in each state, and list those that failed, a JSON line each; with --uid one film's state.

    Status 1 where a film failed, or none has that UID.
    """
    with errors_in_one_line(CallError, install="install-gateway"):
        from gateway.listing import print_film, print_status

        outbox = _open_outbox(folder)
        is_well = print_status(outbox, typer.echo) if uid is None else print_film(outbox, uid, typer.echo)
    raise typer.Exit(0 if is_well else 1)


@gateway_app.command()
def retry(
    films: Annotated[
        list[int] | None, typer.Argument(help="Their numbers in `gateway status`. By default all.", metavar="FILM…")
    ] = None,
    folder: FolderOption = None,
) -> None:
    """Let failed films go on where they failed."""
    with errors_in_one_line(CallError, install="install-gateway"):
        typer.echo(f"{_open_outbox(folder).retry(films or None)} films are tried again.")


@gateway_app.command()
def discard(
    films: Annotated[list[int], typer.Argument(help="Their numbers in `gateway status`.", metavar="FILM…")],
    folder: FolderOption = None,
) -> None:
    """Delete failed films for good."""
    with errors_in_one_line(CallError, install="install-gateway"):
        typer.echo(f"{_open_outbox(folder).discard(films)} films are deleted.")


def _open_outbox(folder: Path | None) -> Outbox:
    from gateway.errors import WrongSettings
    from gateway.outbox import Outbox
    from gateway.outbox_files import DATABASE
    from gateway.settings import read_settings

    folder = read_settings({"folder": folder}, runs=False).folder
    if not (folder / DATABASE).exists():
        raise WrongSettings("Expected the folder of a gateway's outbox (--folder). Received another.")
    return Outbox(folder)
