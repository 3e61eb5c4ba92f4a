"""DICOM over TLS (PS3.15 annex B.9 and BCP 195): version 1.2 or later, certificates as PEM files."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from gateway.errors import WrongSettings
from gateway.settings import GatewaySettings


class _LaterHandshake(ssl.SSLContext):
    """Lets a connection's first read make the handshake: pynetdicom accepts all connections in one thread."""

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *arguments, **{**options, "do_handshake_on_connect": False})


def receiving_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """Return how senders are answered: with the certificate, and asked for one where there is an authority; or None.

    Raises:
        WrongSettings: a file cannot be used.
    """
    if settings.tls_certificate is None:
        return None
    context = _LaterHandshake(ssl.PROTOCOL_TLS_SERVER)
    if settings.tls_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return _load(context, settings)


def sending_context(settings: GatewaySettings) -> ssl.SSLContext:
    """Return how a destination is met: its certificate is checked, its host's name too; ours is shown if there is one.

    Raises:
        WrongSettings: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.tls_authority is None:
        context.load_default_certs()
    return _load(context, settings)


def _load(context: ssl.SSLContext, settings: GatewaySettings) -> ssl.SSLContext:
    try:
        if settings.tls_authority is not None:
            context.load_verify_locations(settings.tls_authority)
        if settings.tls_certificate is not None:
            # Without a password, OpenSSL would ask the terminal for one.
            context.load_cert_chain(settings.tls_certificate, settings.tls_key, password=lambda: "")
    except OSError as error:  # ssl.SSLError is one
        raise WrongSettings(
            "PNEUMOSERVE_GATEWAY_TLS_CERTIFICATE, …_KEY, …_AUTHORITY: expected PEM files, of a key without password. "
            f"Received others ({error.strerror or type(error).__name__})."
        ) from None
    return context
