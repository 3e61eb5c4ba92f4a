"""Where results go: a DICOM node by C-STORE, a DICOMweb server by STOW-RS, or an Orthanc."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import unquote, urlsplit

from gateway.errors import WrongSettings
from gateway.results import Result


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


def open_destination(address: str, calling: str) -> Destination:
    """Return the destination at `dicom://AE_TITLE@host:port`, or at a DICOMweb server's `http(s)://…`.

    Raises:
        WrongSettings: it is neither.
    """
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme == "dicom" and parts.hostname and port and parts.username:
        from gateway.c_store import StorageNode

        return StorageNode(parts.hostname, port, called=unquote(parts.username), calling=calling)
    if parts.scheme in ("http", "https") and parts.hostname:
        from gateway.stow import WebServer

        return WebServer(address)
    raise WrongSettings(
        "PNEUMOSERVE_GATEWAY_DESTINATION: expected dicom://AE_TITLE@host:port, or http(s)://… of a DICOMweb server. "
        "Received another."
    )
