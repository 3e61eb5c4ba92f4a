"""`python -m app.healthcheck`, the image's HEALTHCHECK: whether this environment's service is ready.

It runs every few seconds beside busy workers, so it imports neither settings nor command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from app.environment import DEFAULT_HOST, DEFAULT_PORT, own_variables

_TIMEOUT_SECONDS = 4
# A server on all addresses is asked at loopback; `::` is IPv4 where IPv6 is off.
_LOOPBACK = {"0.0.0.0": ("127.0.0.1",), "::": ("::1", "127.0.0.1")}  # noqa: S104 - asked, not listened on


def check(environment: Mapping[str, str]) -> str:
    """Return why `/health` is not well; empty where it is."""
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
