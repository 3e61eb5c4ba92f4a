"""Whether a variable is ours, Kubernetes', Docker's or unknown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.environment import BESIDE_SETTINGS, GATEWAY_PREFIX, find_unknown, own_variables
from app.settings import Settings
from gateway.settings import GatewaySettings

ROOT = Path(__file__).parents[1]
SETTINGS = Settings.variables()
# Where the project's variables are written down; the tests make up names of their own.
WRITTEN_IN = [
    "pneumoserve.py",
    "Makefile",
    "Dockerfile",
    "README.md",
    "CONTRIBUTING.md",
    ".ci/run",
    *(path.relative_to(ROOT).as_posix() for path in ROOT.glob("*compose*.yml")),
    *(
        path.relative_to(ROOT).as_posix()
        for folder in ("app", "batch", "gateway", "training", "docs", "deploy")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".yml", ".yaml", ".sh", ".conf"}
    ),
]
# Not what stands for others: `PNEUMOSERVE_…`, `PNEUMOSERVE_*`.
VARIABLE = re.compile(r"\bPNEUMOSERVE_([A-Z][A-Z0-9_]*)")
# What the explanation of injected variables names.
EXPLAINED = {"app/environment.py"}


def injected(service: str, port: int, protocol: str, address: str, port_name: str) -> dict[str, str]:
    """What the kubelet sets for a Service: seven variables, and one for a named port."""
    service = service.upper().replace("-", "_")
    host = f"[{address}]" if ":" in address else address
    each = f"{service}_PORT_{port}_{protocol.upper()}"
    return {
        f"{service}_SERVICE_HOST": address,
        f"{service}_SERVICE_PORT": str(port),
        f"{service}_SERVICE_PORT_{port_name.upper().replace('-', '_')}": str(port),
        f"{service}_PORT": f"{protocol}://{host}:{port}",
        each: f"{protocol}://{host}:{port}",
        f"{each}_PROTO": protocol,
        f"{each}_PORT": str(port),
        f"{each}_ADDR": address,
    }


@pytest.mark.parametrize("address", ["10.96.0.12", "fd00:10:96::c"])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
@pytest.mark.parametrize("port", [8000, 80, 65535])
@pytest.mark.parametrize(
    "service",
    [
        "pneumoserve",
        "pneumoserve-api",
        "pneumoserve-max-pixels",
        "pneumoserve-port",
        "pneumoserve-max-pixel",
        "pneumoserve-2",
    ],
)
def test_what_kubernetes_injects_is_neither_ours_nor_unknown(
    service: str, port: int, protocol: str, address: str
) -> None:
    """For any such name, port and protocol."""
    environment = injected(service, port, protocol, address, "http-metrics")
    assert own_variables(environment) == {}
    assert find_unknown(environment, SETTINGS) == {}


def test_what_docker_links_inject_is_neither_ours_nor_unknown() -> None:
    """A link's name, its container's variables, a range of ports."""
    environment = {
        "PNEUMOSERVE_NAME": "/web/pneumoserve",
        "PNEUMOSERVE_PORT": "tcp://172.17.0.5:8000",
        "PNEUMOSERVE_PORT_8000_TCP_START": "tcp://172.17.0.5:8000",
        "PNEUMOSERVE_PORT_8000_TCP_PORT_END": "8001",
        "PNEUMOSERVE_ENV_PNEUMOSERVE_PORT": "8000",
        "PNEUMOSERVE_ENV_LANG": "C.UTF-8",
    }
    assert own_variables(environment) == {}
    assert find_unknown(environment, SETTINGS) == {}


@pytest.mark.parametrize("value", ["9000", "abc", "http://10.96.0.12:8000", "tcp://10.96.0.12", "10.96.0.12:8000"])
def test_a_port_that_somebody_wrote_is_ours_right_or_wrong(value: str) -> None:
    """Only what Kubernetes would write is Kubernetes'."""
    assert own_variables({"PNEUMOSERVE_PORT": value}) == {"PORT": value}


def test_an_injected_port_does_not_hide_ours_in_small_letters() -> None:
    """In whatever order they stand."""
    both = {"PNEUMOSERVE_PORT": "tcp://10.96.0.12:8000", "pneumoserve_port": "9000"}
    assert own_variables(both) == {"PORT": "9000"}
    assert own_variables(dict(reversed(both.items()))) == {"PORT": "9000"}


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("PNEUMOSERVE_MAX_PIXEL", "PNEUMOSERVE_MAX_PIXELS"),
        ("pneumoserve_max_pixel", "PNEUMOSERVE_MAX_PIXELS"),
        ("PNEUMOSERVE_MAXPIXELS", "PNEUMOSERVE_MAX_PIXELS"),
        ("PNEUMOSERVE_MAX_PIXELS_PORT", "PNEUMOSERVE_MAX_PIXELS"),
        ("PNEUMOSERVE_LOGFORMAT", "PNEUMOSERVE_LOG_FORMAT"),
        ("PNEUMOSERVE_HOSTNAME", "PNEUMOSERVE_HOST"),
        ("PNEUMOSERVE_DEADLINE", "PNEUMOSERVE_DEADLINE_SECONDS"),
        ("PNEUMOSERVE__PORT", "PNEUMOSERVE_PORT"),
        ("PNEUMOSERVE_API_KYES", "PNEUMOSERVE_API_KEYS"),
        ("PNEUMOSERVE_IMAGE", None),
        ("PNEUMOSERVE_VERSION", None),
        ("PNEUMOSERVE_REPLICAS", None),
        ("PNEUMOSERVE_", None),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_that_there_is(written: str, nearest: str | None) -> None:
    """None where none is near."""
    assert find_unknown({written: "5"}, SETTINGS) == {written: nearest}


def test_known_variables_and_others_are_not_named() -> None:
    """Settings in any case, other commands', empty ones, other prefixes."""
    names = [*SETTINGS, *BESIDE_SETTINGS, "max_pixels"]
    environment = {f"PNEUMOSERVE_{name}": "5" for name in names} | {"PNEUMOSERVE_MAX_PIXEL": "", "PNEUMO_PORT": "5"}
    assert find_unknown(environment, SETTINGS) == {}


def test_the_list_holds_every_variable_of_the_repository_and_no_other() -> None:
    """In commands, compose files and README."""
    written = {
        name
        for path in WRITTEN_IN
        if path not in EXPLAINED
        for name in VARIABLE.findall((ROOT / path).read_text("utf-8"))
    }
    gateway = {name for name in written if name.startswith(GATEWAY_PREFIX)}
    assert written - gateway == {*SETTINGS, *BESIDE_SETTINGS}
    assert gateway - {GATEWAY_PREFIX} == set(GatewaySettings.variables())


def test_the_service_does_not_judge_the_gateways_variables() -> None:
    """They may stand in one file `.env`."""
    assert find_unknown({"PNEUMOSERVE_GATEWAY_PORT": "104", "PNEUMOSERVE_GATEWAY_PRT": "104"}, SETTINGS) == {}


def test_compose_hands_on_every_setting_that_the_image_leaves_open() -> None:
    """Address, port, store and engine are the image's own."""
    compose = (ROOT / "docker-compose.yml").read_text()
    handed_on = re.findall(r"^ +PNEUMOSERVE_([A-Z_]+):", compose, re.MULTILINE)
    assert sorted(handed_on) == sorted(set(SETTINGS) - {"HOST", "PORT", "MODEL_STORE", "ENGINE"})


def test_every_setting_is_explained() -> None:
    """A row each of the table of settings."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    rows = re.findall(r"^\| `PNEUMOSERVE_([A-Z_]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(SETTINGS)


def test_every_setting_of_the_gateway_is_explained() -> None:
    """A row each of its table."""
    page = (ROOT / "docs" / "gateway.md").read_text("utf-8")
    rows = re.findall(r"^\| `PNEUMOSERVE_([A-Z_]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(GatewaySettings.variables())
