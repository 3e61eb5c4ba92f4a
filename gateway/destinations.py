"""Where results go: a DICOM node by C-STORE, a DICOMweb server by STOW-RS, or an Orthanc."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import unquote, urlsplit

from gateway.errors import WrongSettings
from gateway.results import Result
from gateway.settings import GatewaySettings
from gateway.tls import sending_context


class Destination(Protocol):
    """Takes results, one at a time."""

    def send(self, result: Result) -> None:
        """Send a result; it has arrived when this returns.

        Raises:
            Unavailable: the destination cannot take anything now.
            Failed: it did not take this result.
        """
        ...

    def close(self) -> None:
        """Close connections; the next result opens another."""
        ...


def open_destination(settings: GatewaySettings) -> Destination:
    """Return the destination at `dicom(-tls)://AE_TITLE@host:port`, or at a DICOMweb server's `http(s)://…`.

    Raises:
        WrongSettings: it is neither.
    """
    address = settings.destination or ""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme in ("dicom", "dicom-tls") and parts.hostname and port and parts.username:
        from gateway.c_store import StorageNode

        tls = sending_context(settings) if parts.scheme == "dicom-tls" else None
        called = unquote(parts.username)
        return StorageNode(parts.hostname, port, called=called, calling=settings.ae_title, tls=tls)
    if parts.scheme in ("http", "https") and parts.hostname:
        from gateway.stow import WebServer

        return WebServer(address)
    raise WrongSettings(
        "PNEUMOSERVE_GATEWAY_DESTINATION: expected dicom(-tls)://AE_TITLE@host:port, or http(s)://… of a DICOMweb "
        "server. Received another."
    )
