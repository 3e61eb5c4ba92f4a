"""`python -m app.healthcheck`: whether the service of this environment is ready, for the image's HEALTHCHECK.

It runs every few seconds beside busy workers, so it imports little: neither the settings nor the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from app.environment import DEFAULT_HOST, DEFAULT_PORT, own_variables

_TIMEOUT_SECONDS = 4
# Who listens on every address is asked on this machine; `::` has IPv4 where IPv6 is switched off.
_LOOPBACK = {"0.0.0.0": ("127.0.0.1",), "::": ("::1", "127.0.0.1")}  # noqa: S104 - asked, not listened on


def check(environment: Mapping[str, str]) -> str:
    """Return why `/health`, where the settings say that it is served, is not well; empty where it is."""
    own = own_variables(environment)
    host, port = own.get("HOST", DEFAULT_HOST), int(own.get("PORT", DEFAULT_PORT))
    reason = ""
    for address in _LOOPBACK.get(host, (host,)):
        connection = HTTPConnection(address, port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/health")
            status = connection.getresponse().status
        except (OSError, HTTPException) as error:
            reason = f"{address} port {port}: {error}"
        else:
            return "" if status == 200 else f"{address} port {port}: expected status 200. Received {status}."
        finally:
            connection.close()
    return reason


if __name__ == "__main__":
    sys.exit(check(os.environ) or 0)
