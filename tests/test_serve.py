"""`pneumoserve serve` in a process of its own: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving import SERVE, environment, served


def refused(*arguments: str, before: Sequence[str] = (), **options: Any) -> subprocess.CompletedProcess[str]:
    """Call it where it cannot serve."""
    command = [*before, *SERVE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.long
def test_in_a_pod_with_a_service_of_its_name_it_serves(tiny_store: Path) -> None:
    """What Kubernetes injects sets nothing, and no word is lost on it."""
    injected = {
        "PORT": "tcp://10.96.0.12:8000",
        "SERVICE_HOST": "10.96.0.12",
        "SERVICE_PORT": "8000",
        "SERVICE_PORT_HTTP": "8000",
        "PORT_8000_TCP": "tcp://10.96.0.12:8000",
        "PORT_8000_TCP_PROTO": "tcp",
        "PORT_8000_TCP_PORT": "8000",
        "PORT_8000_TCP_ADDR": "10.96.0.12",
        "MAX_PIXELS_PORT": "udp://10.96.0.13:53",
        "MAX_PIXEL_SERVICE_HOST": "10.96.0.13",
    }
    with served("--port", "0", MODEL_STORE=tiny_store, **injected) as process:
        answer = httpx.get(f"{process.url}/health")
    assert [line["message"] for line in process.lines] == ["ready"]
    assert answer.status_code == 200


def test_a_variable_like_no_other_is_one_warning(tiny_store: Path) -> None:
    """By name, never by value."""
    with served(MODEL_STORE=tiny_store, FLAVOUR="secret") as process:
        pass
    assert [(line["level"], line.get("variable")) for line in process.lines] == [
        ("warning", "PNEUMOSERVE_FLAVOUR"),
        ("info", None),
    ]
    assert "secret" not in json.dumps(process.lines)


def test_wrong_and_mistyped_variables_end_it_with_2(tmp_path: Path) -> None:
    """One line each, with the nearest name or what was expected, never with a value."""
    variables = {"MAX_PIXEL": "secret", "PORT": "secret", "CORS_ORIGINS": "secret", "FLAVOUR": "secret"}
    done = refused(env=environment(**variables))
    assert done.returncode == 2
    named = [line.partition(":")[0] for line in done.stderr.splitlines()]
    assert sorted(named) == ["PNEUMOSERVE_CORS_ORIGINS", "PNEUMOSERVE_MAX_PIXEL", "PNEUMOSERVE_PORT"]
    assert "PNEUMOSERVE_MAX_PIXELS." in done.stderr
    assert "secret" not in done.stderr


def test_outside_the_checkout_it_names_the_folder_and_what_to_do(tmp_path: Path) -> None:
    """The whole path of the store that it looked for."""
    done = refused("--port", "0", cwd=tmp_path, env=environment())
    (line,) = map(json.loads, done.stderr.splitlines())
    assert done.returncode == 1
    assert str(tmp_path / "model_store") in line["reason"]
    assert "--model-store or PNEUMOSERVE_MODEL_STORE" in line["reason"]


def test_the_store_may_be_named_by_an_option(tiny_store: Path, tmp_path: Path) -> None:
    """It replaces the variable."""
    with served("--model-store", str(tiny_store), cwd=tmp_path, MODEL_STORE=tmp_path) as process:
        assert process.lines[-1]["model"] == "pooled/1"


def test_an_address_that_cannot_be_had_is_named(tiny_store: Path) -> None:
    """A port in use, a name of no machine, and what no name can be: one line, and status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for host, reason in (("127.0.0.1", "in use"), ("no-host.invalid", "not known"), ("a..b", "no address")):
            done = refused(env=environment(MODEL_STORE=tiny_store, HOST=host, PORT=port, ALLOW_ANONYMOUS=1))
            assert done.returncode == 1
            assert f"Cannot listen on {host}, port {port}: " in done.stderr
            assert reason in done.stderr
            assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6 beside IPv4")
def test_all_of_ipv6_is_served_over_ipv4_as_well(tiny_store: Path) -> None:
    """A pod's healthcheck may ask either."""
    with served(MODEL_STORE=tiny_store, HOST="::", ALLOW_ANONYMOUS=1) as process:
        url = httpx.URL(process.url)
        answers = [httpx.get(url.copy_with(host=host, path="/health")) for host in ("127.0.0.1", "::1")]
    assert url.host == "::"
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit means other things")
@pytest.mark.parametrize(
    "kilobytes", [300_000, *(pytest.param(size, marks=pytest.mark.long) for size in (600_000, 900_000, 1_200_000))]
)
def test_too_little_memory_is_said_and_no_file_blamed(tiny_store: Path, kilobytes: int) -> None:
    """One line and status 1, however far it came under `ulimit -v`."""
    limited = ["sh", "-c", f'ulimit -v {kilobytes}; exec "$@"', "sh"]
    done = refused("--port", "0", before=limited, env=environment(MODEL_STORE=tiny_store))
    assert done.returncode == 1, done.stderr
    assert "no more memory" in done.stderr
    assert "ulimit -v" in done.stderr
    assert len(done.stderr.splitlines()) == 1
