"""An Orthanc, by its REST API: its new films, and results posted to it.

https://orthanc.uclouvain.be/book/users/rest.html#tracking-changes
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import requests

from gateway.errors import Failed, Unavailable, WrongSettings
from gateway.film import FILM_CLASSES
from gateway.results import Result
from gateway.web_session import check_status, open_session

_CHANGES_A_CALL = 100


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

    def new_films(self, since: int) -> tuple[list[str], int, bool]:
        """Return instances that came after a change and may be films, the last change read, and whether it is all."""
        page = self._get(f"/changes?since={since}&limit={_CHANGES_A_CALL}")
        instances = [str(change["ID"]) for change in page["Changes"] if change["ChangeType"] == "NewInstance"]
        return [each for each in instances if self._is_film(each)], int(page["Last"]), bool(page["Done"])

    def download(self, instance: str) -> bytes | None:
        """Return an instance as a DICOM file; None where it is gone."""
        response = self._request("GET", f"/instances/{instance}/file")
        return None if response.status_code == 404 else _checked(response).content

    def send(self, result: Result) -> None:
        """Post a result; see `Destination`."""
        _checked(self._request("POST", "/instances", result.data))

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _is_film(self, instance: str) -> bool:
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

    def _request(self, method: Literal["GET", "POST"], path: str, data: bytes | None = None) -> requests.Response:
        try:
            return self._session.request(method, self._base + path, data=data, allow_redirects=False)
        except requests.RequestException as error:
            raise Unavailable(f"Orthanc does not answer ({type(error).__name__}).") from None


def _checked(response: requests.Response) -> requests.Response:
    check_status(response.status_code)
    return response
