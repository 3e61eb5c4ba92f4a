"""Listening sockets, opened before the server runs: their port is known."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

_BACKLOG = 2048
# IPv6 is switched off, or the name is another machine's as well.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of `host` on this machine; `::` takes IPv4 too where the system can.

    Port 0 picks a free one, the same for all addresses.

    Raises:
        OSError: there is no address here, or one cannot be had.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    absent: OSError | None = None
    # A name can have an address twice.
    for family, kind, protocol, _, (address, _, *scope) in dict.fromkeys(found):
        try:
            sock = _open(family, kind, protocol, (address, port, *scope))
        except OSError as error:
            if error.errno in _NOT_HERE:
                absent = error
                continue
            for other in listening:
                other.close()
            raise
        port = sock.getsockname()[1]
        listening.append(sock)
    if not listening:
        raise absent or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return listening


def _open(family: int, kind: int, protocol: int, address: tuple[str | int, ...]) -> socket.socket:
    # socket.create_server leaves out the protocol: asyncio then sets no TCP_NODELAY, and an answer's end waits for an
    # acknowledgement.
    sock = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it lets two processes have one port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def url_of(host: str, port: int) -> str:
    """Return an address as a URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether an address, or the name `localhost`, can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
