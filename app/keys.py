"""API keys: the service knows their names and SHA-256, callers the keys."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_KEY_BYTES = 32
_PAIR = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})")


class ApiKey(NamedTuple):
    """A key's name, which the log shows, and the key's SHA-256 in hexadecimal digits."""

    name: str
    sha256: str


def make_key(name: str) -> tuple[str, str]:
    """Return a new key of 256 random bits, and its pair `name:sha256` for `read_keys`.

    Raises:
        ValueError: the name has other characters than letters, digits and . _ -, or over 64.
    """
    key = secrets.token_hex(_KEY_BYTES)
    pair = f"{name}:{_hash(key)}"
    read_keys(pair)
    return key, pair


def read_keys(text: str) -> tuple[ApiKey, ...]:
    """Return the keys of pairs `name:sha256` with commas between.

    Raises:
        ValueError: the message shows no part of the text.
    """
    keys: list[ApiKey] = []
    for number, pair in enumerate((pair.strip() for pair in text.split(",") if pair.strip()), 1):
        found = _PAIR.fullmatch(pair)
        if found is None:
            raise ValueError(
                "Expected pairs name:sha256 with commas between, as `pneumoserve keys new NAME` prints them. "
                f"Number {number} is none"
            )
        keys.append(ApiKey(*found.groups()))
    if len({key.name for key in keys}) < len(keys):
        raise ValueError("Expected keys of different names. Received one name twice")
    return tuple(keys)


def find_name(keys: Iterable[ApiKey], sent: str) -> str | None:
    """Return the name of a sent key, or None for a wrong one, in a time that does not depend on which."""
    digest = _hash(sent)
    names = [key.name for key in keys if hmac.compare_digest(key.sha256, digest)]
    return names[0] if names else None


def find_only_name(keys: Iterable[ApiKey], sent: Sequence[str]) -> str | None:
    """Return the name of the key in the one header that was sent; None for a wrong key, no header, or several."""
    return find_name(keys, sent[0]) if len(sent) == 1 else None


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
