"""Which variables that begin with `PNEUMOSERVE_` are this project's, which are injected, and which are mistyped.

For a Service named `pneumoserve`, or `pneumoserve-…`, Kubernetes sets `PNEUMOSERVE_PORT=tcp://10.96.0.12:8000` and
more in every pod of its namespace, as Docker's links do for a container of such a name. Nobody wrote those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

PREFIX = "PNEUMOSERVE_"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000

BESIDE_SETTINGS = {
    "API_KEY": "of `pneumoserve score`",
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
    """Return whether Kubernetes or Docker set a variable, by its name without the prefix and its value."""
    return bool(_SURELY_INJECTED.fullmatch(name)) or any(
        names.fullmatch(name) and values.fullmatch(value) for names, values in _INJECTED_BY_VALUE
    )


def own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what begins with the prefix, in capitals or not, has a value, and is not injected.

    Returns:
        The values by the names without the prefix, in capitals.
    """
    return {name: value for _, name, value in _own(environment)}


def find_unknown(environment: Mapping[str, str], settings: Iterable[str]) -> dict[str, str | None]:
    """Return the variables that are nobody's.

    Args:
        environment: all variables.
        settings: the names of the service's settings, without the prefix, in capitals.

    Returns:
        By the name as it is written, the nearest name that there is: None where none is near.
    """
    from difflib import get_close_matches

    known = [*settings, *BESIDE_SETTINGS]
    nearest = {
        written: get_close_matches(name, known, n=1) for written, name, _ in _own(environment) if name not in known
    }
    return {written: PREFIX + near[0] if near else None for written, near in nearest.items()}


def _own(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for written, value in environment.items():
        name = written.upper()
        if value and name.startswith(PREFIX) and not is_injected(name.removeprefix(PREFIX), value):
            yield written, name.removeprefix(PREFIX), value
