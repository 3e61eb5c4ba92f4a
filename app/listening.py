"""The sockets on which the service listens, open before the server runs, so that it can be said where."""

from __future__ import annotations

import errno
import os
import socket

_BACKLOG = 2048
# IPv6 is switched off, or the name is another machine's as well.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that a host has on this machine; `::` takes IPv4 as well, where the system can.

    Args:
        host: an address, or a name that has some.
        port: 0 picks a free one, the same for all addresses.

    Raises:
        OSError: the host has no address here, or one of them cannot be had.
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
    # Not socket.create_server, which leaves the protocol out: asyncio then takes no connection for TCP's, and lets the
    # end of an answer wait for an acknowledgement.
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
    """Write an address as a browser takes it."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
