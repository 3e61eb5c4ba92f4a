"""Where the service listens."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.listening import listen, url_of

needs_ipv6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6 beside IPv4")


@contextmanager
def listening(host: str, port: int = 0) -> Iterator[list[socket.socket]]:
    sockets = listen(host, port)
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


@needs_ipv6
@pytest.mark.parametrize("asked", ["127.0.0.1", "::1"])
def test_all_of_ipv6_takes_ipv4_as_well(asked: str) -> None:
    """One socket for both, as a pod with two addresses needs it."""
    with listening("::") as (sock,), socket.create_connection((asked, sock.getsockname()[1]), timeout=5):
        assert sock.family == socket.AF_INET6


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", pytest.param("::1", marks=needs_ipv6)])  # noqa: S104
def test_an_address_is_listened_on_alone(host: str) -> None:
    """And no other."""
    with listening(host) as (sock,):
        assert sock.getsockname()[0] == host


def test_a_name_with_two_addresses_gets_one_port_on_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost` often has; an address that stands there twice, or that this machine lacks, is no hindrance."""
    of_name = ["127.0.0.1", "127.0.0.1", "203.0.113.7", "127.0.0.2"]

    def getaddrinfo(*_asked: object, **_how: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 0)) for address in of_name]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with listening("two.example") as sockets:
        names = [sock.getsockname() for sock in sockets]
    assert [address for address, _ in names] == ["127.0.0.1", "127.0.0.2"]
    assert len({port for _, port in names}) == 1


def test_what_cannot_be_had_is_the_systems_error() -> None:
    """A port in use, an address of another machine, and a name of none."""
    with listening("127.0.0.1") as (sock,), pytest.raises(OSError, match="in use") as in_use:
        listen("127.0.0.1", sock.getsockname()[1])
    assert in_use.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError, match="assign requested address"):
        listen("203.0.113.7", 0)
    with pytest.raises(socket.gaierror):
        listen("256.0.0.1.invalid", 0)


def test_connections_do_not_wait_for_acknowledgements() -> None:
    """Python's event loop sees to it for sockets of TCP alone, and tells them by their protocol."""
    with listening("127.0.0.1") as (sock,):
        assert sock.proto == socket.IPPROTO_TCP


def test_an_ipv6_address_stands_in_brackets() -> None:
    """In an address for a browser."""
    assert url_of("::", 8000) == "http://[::]:8000"
    assert url_of("localhost", 80) == "http://localhost:80"
