"""The C-STORE and C-ECHO provider: films from the network into the outbox."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RD, socket
from typing import cast

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pynetdicom.transport import AssociationSocket

from app.imaging.dicom.syntaxes import SYNTAXES
from gateway.errors import UnusableFilm, WrongSettings
from gateway.film import FILM_CLASSES, read_film
from gateway.outbox import Outbox
from gateway.peers import may_send
from gateway.settings import GatewaySettings
from gateway.tls import receiving_context

# PS3.4 section B.2.3.
_STORED, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
# Result, source and reason of a rejected association, PS3.8 section 9.3.4: permanent, user, calling AE title.
_UNKNOWN_CALLER = (0x01, 0x01, 0x03)
_SPARE_CONNECTIONS = 10  # not yet associations, so that those over the limit are told so
_IDLE_SECONDS = 60
_OVERHEAD = 1.1  # of command, PDU headers and file meta over a film's bytes

_log = logging.getLogger("pneumoserve.gateway")


class _BoundedSocket(AssociationSocket):
    """Reads no PDU that is longer than allowed, and no message of more bytes than a film may have."""

    longest_pdu: int
    most_bytes: int
    read = 0

    def recv(self, nr_bytes: int) -> bytearray:
        self.read += nr_bytes
        if nr_bytes > self.longest_pdu or self.read > self.most_bytes:
            raise OSError("over the limit")
        return super().recv(nr_bytes)


class Receiver:
    """Listens until it is stopped.

    `received` is called after each film that is in the outbox.

    Raises:
        WrongSettings: the port cannot be had, or a file of TLS be used.
    """

    def __init__(self, settings: GatewaySettings, outbox: Outbox, received: Callable[[], None]) -> None:
        self._settings, self._outbox, self._received = settings, outbox, received
        self.ignored = 0
        entity = AE(settings.ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = settings.max_associations
        entity.maximum_pdu_size = settings.max_pdu_bytes
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = _IDLE_SECONDS
        entity.add_supported_context(Verification)
        for sop_class in FILM_CLASSES:
            entity.add_supported_context(sop_class, list(SYNTAXES))
        try:
            self._server = entity.start_server(
                (settings.host, settings.port),
                block=False,
                ssl_context=receiving_context(settings),
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, self._connected),
                    (evt.EVT_REQUESTED, self._requested),
                    (evt.EVT_C_ECHO, lambda _: _STORED),
                    (evt.EVT_C_STORE, self._stored),
                ],
            )
        except OSError as error:
            raise WrongSettings(
                f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}. "
                "Choose another with PNEUMOSERVE_GATEWAY_HOST or PNEUMOSERVE_GATEWAY_PORT."
            ) from None
        self._entity = entity

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None and self._server.socket is not None  # noqa: S101, PT018 - it was started; for mypy
        return int(self._server.socket.getsockname()[1])

    def stop(self, seconds: float) -> None:
        """Take no more associations, let those that run end for some seconds, then abort them."""
        assert self._server is not None  # noqa: S101 - it was started; for mypy
        self._server.shutdown()
        deadline = time.monotonic() + seconds
        while self._server.active_associations and time.monotonic() < deadline:
            time.sleep(0.05)
        for association in self._server.active_associations:
            _stop_reading(association)
        self._entity.shutdown()

    def _connected(self, event: Event) -> None:
        socket = event.assoc.dul.socket
        assert socket is not None and socket.socket is not None  # noqa: S101, PT018 - a connection was opened; for mypy
        address = socket.socket.getpeername()[0]
        most = self._settings.max_associations + _SPARE_CONNECTIONS
        is_crowded = self._server is not None and len(self._server.active_associations) > most
        if is_crowded or not may_send(self._settings.peers, address):
            _log.warning("connection closed", extra={"fields": {"reason": "crowded" if is_crowded else "not a peer"}})
            socket.close()
            return
        socket.socket.settimeout(_IDLE_SECONDS)
        # pynetdicom has no setting for these limits, and makes the socket itself.
        socket.__class__ = _BoundedSocket
        bounded = cast(_BoundedSocket, socket)
        bounded.longest_pdu = max(self._settings.max_pdu_bytes, 65_536)  # an association's request may be longer
        bounded.most_bytes = int(self._settings.max_film_bytes * _OVERHEAD) + 2**20

    def _requested(self, event: Event) -> None:
        requestor = event.assoc.requestor
        address = requestor.address or ""
        title = (requestor.primitive and requestor.primitive.calling_ae_title) or ""
        if not may_send(self._settings.peers, address, title):
            _log.warning("association rejected", extra={"fields": {"reason": "not a peer"}})
            event.assoc.acse.send_reject(*_UNKNOWN_CALLER)
            event.assoc.kill()

    def _stored(self, event: Event) -> int:
        socket = event.assoc.dul.socket
        if isinstance(socket, _BoundedSocket):
            socket.read = 0
        if shutil.disk_usage(self._settings.folder).free < self._settings.min_free_bytes:
            _log.error("film not taken", extra={"fields": {"reason": "the disk is nearly full"}})
            return _OUT_OF_RESOURCES
        data = event.encoded_dataset()
        try:
            if take(data, self._outbox):
                self._received()
            else:
                self.ignored += 1
        except UnusableFilm as error:
            _log.warning("film not taken", extra={"fields": {"reason": str(error)}})
            return _CANNOT_UNDERSTAND
        except (OSError, sqlite3.Error, MemoryError) as error:
            _log.error("film not taken", extra={"fields": {"reason": type(error).__name__}})
            return _OUT_OF_RESOURCES
        return _STORED


def _stop_reading(association: Association) -> None:
    """End the wait for the rest of a PDU: an abort would come after it, up to `_IDLE_SECONDS` later."""
    connection = association.dul.socket
    if connection is not None and connection.socket is not None:
        with suppress(OSError):
            # Not TLS's own, which would take the rest as clear text.
            socket.shutdown(connection.socket, SHUT_RD)


def take(data: bytes, outbox: Outbox) -> bool:
    """Put a film into the outbox; return False for what is no film but one of PneumoServe's own results.

    Raises:
        UnusableFilm: see `read_film`.
    """
    film = read_film(data)
    if film.is_result:
        return False
    outbox.receive(film)
    return True
