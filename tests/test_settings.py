"""What the environment sets, and what it may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.settings import Settings


@pytest.mark.parametrize("address", ["tcp://10.96.0.12:8000", "udp://10.96.0.12:53", "sctp://[fd00::1]:8000"])
def test_an_injected_port_leaves_the_default(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Kubernetes means another thing by the name, and what was written beside it still holds."""
    monkeypatch.setenv("PNEUMOSERVE_PORT", address)
    monkeypatch.setenv("PNEUMOSERVE_MAX_PIXELS_PORT", address)
    monkeypatch.setenv("PNEUMOSERVE_MAX_PIXELS", "5")
    settings = Settings()
    assert (settings.port, settings.max_pixels) == (8000, 5)


@pytest.mark.parametrize("value", ["abc", "-1", "65536", "http://10.96.0.12:8000", "tcp://10.96.0.12"])
def test_a_wrong_port_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Kubernetes never wrote it."""
    monkeypatch.setenv("PNEUMOSERVE_PORT", value)
    with pytest.raises(ValidationError):
        Settings()


def test_names_in_small_letters_and_empty_values_are_read_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The case says nothing, and an empty variable is one that is not set."""
    monkeypatch.setenv("pneumoserve_port", "9000")
    monkeypatch.setenv("PNEUMOSERVE_MAX_PIXELS", "")
    settings = Settings()
    assert (settings.port, settings.max_pixels) == (9000, 50_000_000)


@pytest.mark.parametrize(
    ("value", "origins"),
    [
        ("https://a.example.org", ("https://a.example.org",)),
        (" https://a.example.org , http://localhost:3000,", ("https://a.example.org", "http://localhost:3000")),
        ("http://[fd00::1]:8080,http://10.0.0.1", ("http://[fd00::1]:8080", "http://10.0.0.1")),
        ("app://obsidian.md", ("app://obsidian.md",)),
        ("*", ("*",)),
        ("", ()),
    ],
)
def test_origins_are_listed_with_commas_between(
    monkeypatch: pytest.MonkeyPatch, value: str, origins: tuple[str, ...]
) -> None:
    """As browsers send them."""
    monkeypatch.setenv("PNEUMOSERVE_CORS_ORIGINS", value)
    assert Settings().cors_origins == origins


@pytest.mark.parametrize(
    "value",
    [
        "a.example.org",
        "https://a.example.org/",
        "https://a.example.org/viewer",
        "https://A.example.org",
        "https://*.example.org",
        "https://a.example.org:443",
        "http://a.example.org:80",
        "https://a.example.org,*",
        "https://a.example.org https://b.example.org",
        '["https://a.example.org"]',
        "null",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It would never match; and `null` is what every page from a file or a sandbox sends."""
    monkeypatch.setenv("PNEUMOSERVE_CORS_ORIGINS", value)
    with pytest.raises(ValidationError, match="origins as a browser sends them"):
        Settings()


@pytest.mark.parametrize(
    ("value", "path"), [("/xray", "/xray"), ("/xray/", "/xray"), ("/a/b-c_1.2~", "/a/b-c_1.2~"), ("/", ""), ("", "")]
)
def test_a_root_path_loses_the_slash_at_its_end(monkeypatch: pytest.MonkeyPatch, value: str, path: str) -> None:
    """And one slash alone is none."""
    monkeypatch.setenv("PNEUMOSERVE_ROOT_PATH", value)
    assert Settings().root_path == path


@pytest.mark.parametrize("value", ["xray", "https://example.org/xray", "//xray", "/x?y", "/x y", '/x"><script>'])
def test_what_is_no_path_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It would stand in front of every address in the description of the service."""
    monkeypatch.setenv("PNEUMOSERVE_ROOT_PATH", value)
    with pytest.raises(ValidationError, match="Expected a path like /xray"):
        Settings()
