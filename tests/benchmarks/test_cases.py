"""Servers are started with the settings of the benchmark, and with none of the caller's."""

from pathlib import Path

from benchmarks.cases import MAPS, make_ours, make_peer_cases


def test_the_callers_own_settings_stay_out(monkeypatch):
    """A benchmark measures the defaults."""
    monkeypatch.setenv("PNEUMOSERVE_MAX_PIXELS", "1")
    _, environment = make_ours("tiny/1", MAPS).started(8123)
    ours = {name: value for name, value in environment.items() if name.startswith("PNEUMOSERVE_")}
    assert ours == {
        "PNEUMOSERVE_PORT": "8123",
        "PNEUMOSERVE_MODEL": "tiny/1",
        "PNEUMOSERVE_ENGINE": "openvino",
    }


def test_maps_are_asked_for_in_the_query():
    """None, cam and layers, one after another."""
    assert [ask.path.partition("=")[2] for ask in MAPS] == ["none", "cam", "layers"]


def test_every_peer_listens_where_it_is_told():
    """The port is filled in, wherever it stands."""
    for case in make_peer_cases("tiny/1", Path("bin")):
        command, environment = case.started(8123)
        assert "8123" in command
        assert "tiny/1" in [*command, *environment.values()]
