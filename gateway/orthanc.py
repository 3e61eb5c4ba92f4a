"""An Orthanc, by its REST API: its new films, and results posted to it.

https://orthanc.uclouvain.be/book/users/rest.html#tracking-changes
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import requests

from gateway.errors import Failed, Unavailable, UnusableFilm, WrongSettings
from gateway.film import FILM_CLASSES
from gateway.results import Result
from gateway.web_session import check_status, open_session

_CHANGES_A_CALL = 100
_PART_BYTES = 2**16


@dataclass(frozen=True)
class Arrival:
    """An instance that came, and the number of the change that says so."""

    number: int
    instance: str


class Orthanc:
    """An Orthanc at an address such as `http://user:password@127.0.0.1:8042`."""

    def __init__(self, address: str) -> None:
        if not address.startswith(("http://", "https://")):
            raise WrongSettings("PNEUMOSERVE_GATEWAY_ORTHANC: expected http(s)://…. Received another.")
        self._base, self._session = open_session(address)
        self.name = f"orthanc {hashlib.sha256(self._base.encode()).hexdigest()[:16]}"

    def last_change(self) -> int:
        """Return the number of the newest change."""
        return int(self._get("/changes?last")["Last"])

    def arrivals(self, since: int) -> tuple[list[Arrival], int, bool]:
        """Return the next instances that came after a change, the last change read, and whether it is all."""
        page = self._get(f"/changes?since={since}&limit={_CHANGES_A_CALL}")
        changes = [change for change in page["Changes"] if change["ChangeType"] == "NewInstance"]
        arrivals = [Arrival(int(change["Seq"]), str(change["ID"])) for change in changes]
        return arrivals, int(page["Last"]), bool(page["Done"])

    def download(self, instance: str, most_bytes: int) -> bytes | None:
        """Return an instance as a DICOM file; None where it is gone.

        Raises:
            UnusableFilm: over so many bytes; no more are read.
        """
        with self._request("GET", f"/instances/{instance}/file", streams=True) as response:
            if response.status_code == 404:
                return None
            data = bytearray()
            try:
                for part in _checked(response).iter_content(_PART_BYTES):
                    data += part
                    if len(data) > most_bytes:
                        raise UnusableFilm(f"Expected a film of at most {most_bytes} bytes. Received a larger one.")
            except requests.RequestException as error:
                raise Failed(f"Orthanc's answer broke off ({type(error).__name__}).") from None
        return bytes(data)

    def send(self, result: Result) -> None:
        """Post a result; see `Destination`."""
        _checked(self._request("POST", "/instances", result.data))

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def is_film(self, instance: str) -> bool:
        """Return whether an instance is a film by its class, or may be one."""
        response = self._request("GET", f"/instances/{instance}/metadata/SopClassUid")
        if response.status_code == 404:  # the instance is gone, or of a time that did not note classes
            return True
        return _checked(response).text.strip(" \0") in FILM_CLASSES

    def _get(self, path: str) -> dict[str, Any]:
        try:
            value = _checked(self._request("GET", path)).json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Failed("Expected JSON of an Orthanc. Received another answer.")
        return value

    def _request(
        self, method: Literal["GET", "POST"], path: str, data: bytes | None = None, *, streams: bool = False
    ) -> requests.Response:
        try:
            return self._session.request(method, self._base + path, data=data, allow_redirects=False, stream=streams)
        except requests.RequestException as error:
            raise Unavailable(f"Orthanc does not answer ({type(error).__name__}).") from None


def _checked(response: requests.Response) -> requests.Response:
    check_status(response.status_code)
    return response
