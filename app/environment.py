"""Variables `PNEUMOSERVE_…`: the project's, injected and mistyped ones.

Kubernetes sets `PNEUMOSERVE_PORT=tcp://10.96.0.12:8000` and more in every pod beside a Service `pneumoserve` or
`pneumoserve-…`; so do Docker's links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

PREFIX = "PNEUMOSERVE_"
GATEWAY_PREFIX = "GATEWAY_"
"""After the first prefix: the settings of `pneumoserve gateway`, which checks them itself."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000

BESIDE_SETTINGS = {
    "API_KEY": "of `pneumoserve score`, `dicom` and `gateway`",
    "API_KEY_FILE": "of `pneumoserve score`, `dicom` and `gateway`",
    "BIND": "of docker-compose.yml",
    "CPUS": "of docker-compose.yml",
    "MEMORY": "of docker-compose.yml",
}
"""The project's variables that are no settings of the service, without the prefix, and whose they are."""

# Kubernetes: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables; Docker:
# https://docs.docker.com/engine/network/links/#environment-variables. A Service's own name may stand before each.
_SURELY_INJECTED = re.compile(
    r"(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_[A-Z_]+)?|ENV_.+)"
)
_INJECTED_BY_VALUE = (
    (re.compile(r"(?:.+_)?PORT"), re.compile(r"(?:tcp|udp|sctp)://(?:\[[^\s\]]+\]|[^\s:/]+):[0-9]+")),
    (re.compile(r"(?:.+_)?NAME"), re.compile(r"/[^\s/]+/[^\s/]+")),
)


def is_injected(name: str, value: str) -> bool:
    """Return whether Kubernetes or Docker set a variable; `name` is without the prefix."""
    return bool(_SURELY_INJECTED.fullmatch(name)) or any(
        names.fullmatch(name) and values.fullmatch(value) for names, values in _INJECTED_BY_VALUE
    )


def own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the set variables that are not injected: value by name, in capitals, without the prefix.

    The prefix may be in small letters.
    """
    return {name: value for _, name, value in _own(environment)}


def find_unknown(environment: Mapping[str, str], settings: Iterable[str]) -> dict[str, str | None]:
    """Return the unknown variables as written, each with the nearest known name or None; none of the gateway's.

    `settings`: names in capitals, without the prefix.
    """
    from difflib import get_close_matches

    known = [*settings, *BESIDE_SETTINGS]
    nearest = {
        written: get_close_matches(name, known, n=1)
        for written, name, _ in _own(environment)
        if name not in known and not name.startswith(GATEWAY_PREFIX)
    }
    return {written: PREFIX + near[0] if near else None for written, near in nearest.items()}


def _own(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for written, value in environment.items():
        name = written.upper()
        if value and name.startswith(PREFIX) and not is_injected(name.removeprefix(PREFIX), value):
            yield written, name.removeprefix(PREFIX), value
