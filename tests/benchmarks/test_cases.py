"""Servers are started with the settings of the benchmark, and with none of the caller's."""

from pathlib import Path

import pytest

from app.inference.artifact import find_entry
from benchmarks.cases import our_case, rival_cases
from benchmarks.films import STORE

ENTRY = find_entry(STORE, None)


def test_the_callers_own_settings_stay_out(monkeypatch):
    monkeypatch.setenv("PNEUMOSERVE_MAX_PIXELS", "1")
    _, environment = our_case(ENTRY).start(8123)
    assert "PNEUMOSERVE_MAX_PIXELS" not in environment
    assert (environment["PNEUMOSERVE_PORT"], environment["PNEUMOSERVE_MODEL"]) == ("8123", ENTRY.label)


def test_a_setting_of_the_benchmark_reaches_the_service():
    _, environment = our_case(ENTRY, max_in_flight=512).start(8123)
    assert environment["PNEUMOSERVE_MAX_IN_FLIGHT"] == "512"


def test_another_checkout_is_served_from_its_own_folder(tmp_path):
    case = our_case(ENTRY, cwd=tmp_path)
    assert (case.cwd, case.start(8123)[1]["PYTHONPATH"]) == (tmp_path, str(tmp_path))


@pytest.mark.parametrize("case", rival_cases(ENTRY, Path("bin")), ids=lambda case: case.name)
def test_every_other_server_gets_the_port_and_the_model(case):
    command, environment = case.start(8123)
    assert "8123" in command
    assert ENTRY.label in [*command, *environment.values()]
