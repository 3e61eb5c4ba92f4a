"""Damaged variants of whole inputs, drawn faster than Hypothesis draws them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_VALUES = (0, 1, 2, 0x0A, 0x0D, 0x20, 0x22, 0x25, 0x2D, 0x3B, 0x40, 0x7F, 0x80, 0xD9, 0xDA, 0xFE, 0xFF)


def mutate(rng: Random, seeds: Sequence[bytes], pieces: Sequence[bytes] = (), head: int = 200) -> bytes:
    """Return one of `seeds` with one to four changes, half of them among its first `head` bytes.

    Bits are flipped, bytes set, the rest cut off, a stretch dropped or repeated, another seed's stretch or one of
    `pieces` put in.
    """
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(min(len(data), head) if rng.random() < 0.5 else len(data))
        stop = place + rng.randint(1, 60)
        match rng.randrange(8):
            case 0:
                data[place] ^= 1 << rng.randrange(8)
            case 1:
                data[place] = rng.choice(_VALUES)
            case 2:
                data[place : place + 4] = rng.randbytes(4)
            case 3:
                del data[max(place, 1) :]
            case 4:
                del data[place:stop]
            case 5:
                data[place:place] = data[place:stop]
            case 6:
                other = rng.choice(seeds)
                start = rng.randrange(len(other))
                data[place:stop] = other[start : start + stop - place]
            case _ if pieces:
                data[place:place] = rng.choice(pieces)
        if not data:
            return b""
    return bytes(data)
