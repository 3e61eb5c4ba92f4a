"""Results to a DICOMweb server, by STOW-RS (PS3.18 section 10.5)."""

from __future__ import annotations

from io import BytesIO

import pydicom
import requests
from dicomweb_client import DICOMwebClient

from gateway.errors import Failed, Unavailable
from gateway.results import Result
from gateway.web_session import check_status, open_session


class WebServer:
    """A DICOMweb server; `address` is the root of its service, as `https://archive.example.org/dicom-web`."""

    def __init__(self, address: str) -> None:
        base, self._session = open_session(address)
        self._client = DICOMwebClient(base, session=self._session)
        # The outbox tries again, and knows when to stop.
        self._client.set_http_retry_params(retry=False)

    def send(self, result: Result) -> None:
        """Send a result by STOW-RS; see `Destination`."""
        try:
            answer = self._client.store_instances([pydicom.dcmread(BytesIO(result.data))])
        except requests.HTTPError as error:
            if error.response is not None:
                check_status(error.response.status_code)
            raise Failed("The server's answer cannot be read.") from None
        except requests.RequestException as error:
            raise Unavailable(f"The server does not answer ({type(error).__name__}).") from None
        if answer.get("FailedSOPSequence"):
            reason = answer.FailedSOPSequence[0].get("FailureReason", 0)
            raise Failed(f"The server did not store the result (reason 0x{reason:04X}).")

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()
