"""The gateway's settings: what is wrong is named, never its value."""

from __future__ import annotations

import pytest

from gateway.errors import WrongSettings
from gateway.peers import may_send, read_peers
from gateway.settings import read_settings

WHERE = {"destination": "dicom://ARCHIVE@10.0.0.7:104"}


def test_variables_are_read_and_options_go_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PNEUMOSERVE_GATEWAY_PORT", "104")
    monkeypatch.setenv("PNEUMOSERVE_GATEWAY_AE_TITLE", "AI")
    settings = read_settings({**WHERE, "port": 11113, "url": None})
    assert (settings.port, settings.ae_title, settings.url) == (11113, "AI", "http://127.0.0.1:8000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AE_TITLE", "SEVENTEEN-LETTERS"),
        ("PEERS", "secret"),
        ("PEERS", "A@10.0.0.1,A@300.0.0.1"),
        ("PORT", "secret"),
        ("RETENTION_DAY", "secret"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PNEUMOSERVE_GATEWAY_{name}", value)
    with pytest.raises(WrongSettings) as caught:
        read_settings(WHERE)
    assert f"PNEUMOSERVE_GATEWAY_{name}" in str(caught.value)
    assert value not in str(caught.value)


@pytest.mark.parametrize("given", [{}, {**WHERE, "orthanc": "http://127.0.0.1:8042"}])
def test_results_go_to_one_place(given: dict[str, str]) -> None:
    """A destination or an Orthanc."""
    with pytest.raises(WrongSettings, match="either a destination"):
        read_settings(given)


def test_a_port_that_is_open_to_the_network_needs_its_peers() -> None:
    with pytest.raises(WrongSettings, match="PEERS"):
        read_settings({**WHERE, "host": "0.0.0.0"})  # noqa: S104 - what is refused
    read_settings({**WHERE, "host": "0.0.0.0", "peers": "*@10.0.0.0/8"})  # noqa: S104


def test_a_peer_is_known_by_title_and_address() -> None:
    """IPv4 within IPv6, too; a title's padding does not count."""
    peers = read_peers("CR1@10.0.0.5, *@192.168.0.0/24")
    assert may_send(peers, "10.0.0.5", "CR1  ")
    assert may_send(peers, "::ffff:10.0.0.5", "CR1")
    assert may_send(peers, "192.168.0.9", "ANY")
    assert not may_send(peers, "10.0.0.5", "CR2")
    assert not may_send(peers, "10.0.0.6", "CR1")
    assert not may_send(peers, "10.0.0.6")
