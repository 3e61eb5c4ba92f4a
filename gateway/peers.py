"""Which nodes may send: their AE titles and addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LONGEST_TITLE = 16
ANY = "*"


@dataclass(frozen=True)
class Peer:
    """A calling AE title, or `*`, from the addresses of a network."""

    title: str
    network: Network

    def is_at(self, address: str) -> bool:
        """Return whether an IP address is the peer's."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return found in self.network


LOOPBACK = (Peer(ANY, ipaddress.ip_network("127.0.0.0/8")), Peer(ANY, ipaddress.ip_network("::1")))


def read_peers(text: str) -> tuple[Peer, ...]:
    """Read `AE_TITLE@address,AE_TITLE@network/prefix`, with `*` for any title.

    Raises:
        ValueError: the text is another.
    """
    peers = []
    for number, part in enumerate((part.strip() for part in text.split(",") if part.strip()), 1):
        title, _, address = part.rpartition("@")
        try:
            network = ipaddress.ip_network(address, strict=False)
        except ValueError:
            network = None
        if network is None or not is_title(title):
            raise ValueError(
                "Expected AE_TITLE@address or AE_TITLE@network/prefix, with commas between, and * for any title. "
                f"Number {number} is none"
            )
        peers.append(Peer(title, network))
    return tuple(peers)


def is_title(title: str) -> bool:
    """Return whether a text is an AE title (PS3.5 section 6.2): 1 to 16 printable ASCII characters, no backslash."""
    return 0 < len(title) <= _LONGEST_TITLE and title.isascii() and title.isprintable() and "\\" not in title


def may_send(peers: tuple[Peer, ...], address: str, title: str | None = None) -> bool:
    """Return whether a node at an address, and with a calling AE title where it is known, is one of the peers."""
    return any(peer.is_at(address) and (title is None or peer.title in (ANY, title.strip())) for peer in peers)
