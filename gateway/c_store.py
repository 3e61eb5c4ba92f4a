"""Results to a DICOM node, by C-STORE (PS3.4 annex B)."""

from __future__ import annotations

import ssl
from io import BytesIO

import pydicom
from pydicom.uid import (
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE
from pynetdicom.association import Association

from gateway.errors import Failed, Unavailable
from gateway.results import Result

_CLASSES = (SecondaryCaptureImageStorage, ComprehensiveSRStorage, GrayscaleSoftcopyPresentationStateStorage)
_WARNINGS = {0xB000, 0xB006, 0xB007}  # stored, though not as it was sent
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 60


class StorageNode:
    """A node, and the association with it while results are being sent."""

    def __init__(self, host: str, port: int, *, called: str, calling: str, tls: ssl.SSLContext | None = None) -> None:
        self._address = host, port, called
        self._tls = (tls, host) if tls is not None else None
        self._entity = AE(calling)
        self._entity.connection_timeout = _CONNECT_SECONDS
        self._entity.acse_timeout = self._entity.dimse_timeout = self._entity.network_timeout = _ANSWER_SECONDS
        for sop_class in _CLASSES:
            self._entity.add_requested_context(sop_class, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        self._association: Association | None = None

    def send(self, result: Result) -> None:
        """Send a result by C-STORE; see `Destination`."""
        association = self._associate()
        if not any(context.abstract_syntax == result.sop_class for context in association.accepted_contexts):
            raise Failed(f"The destination takes no {pydicom.uid.UID(result.sop_class).name}.")
        try:
            answer = association.send_c_store(pydicom.dcmread(BytesIO(result.data)))
        except (RuntimeError, ValueError) as error:  # the association was lost meanwhile
            self.close()
            raise Unavailable(f"The association with the destination was lost ({type(error).__name__}).") from None
        status = answer.get("Status")
        if status is None:
            self.close()
            raise Unavailable("The destination did not answer to a C-STORE.")
        if status in _OUT_OF_RESOURCES:
            raise Unavailable(f"The destination is out of resources (status 0x{status:04X}).")
        if status != 0x0000 and status not in _WARNINGS:
            raise Failed(f"The destination did not store the result (status 0x{status:04X}).")

    def close(self) -> None:
        """Release the association."""
        association, self._association = self._association, None
        if association is not None and association.is_established:
            association.release()

    def _associate(self) -> Association:
        if self._association is not None and self._association.is_established:
            return self._association
        host, port, called = self._address
        association = self._entity.associate(host, port, ae_title=called, tls_args=self._tls)
        if not association.is_established:
            how = "rejected the association" if association.is_rejected else "does not answer"
            raise Unavailable(f"The destination {how}.")
        self._association = association
        return association
