"""An archive: addresses of films from manifests, folders and files, cut into slices, a slice for each part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from batch.addresses import is_url
from batch.errors import NothingNamed
from batch.manifests import is_manifest, read_manifest
from batch.paths import find_films

DEFAULT_PART_FILMS = 2_000


class Slice(NamedTuple):
    """Consecutive films of an archive: those of one part."""

    number: int
    addresses: list[str]


@dataclass(frozen=True)
class Plan:
    """How an archive is cut. `digests`: SHA-256 in hexadecimal, of each slice's addresses."""

    films: int
    part_films: int
    digests: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Return the digest of the whole archive's addresses."""
        return hashlib.sha256("".join(self.digests).encode()).hexdigest()


class Archive:
    """The films of manifests, folders, files and URLs, in their order; iterating again reads manifests again."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = sources

    def __iter__(self) -> Iterator[str]:
        """Yield addresses: a manifest's as it holds them, others as they are named.

        Raises:
            NothingNamed: a source is no file, or a folder without films.
            WrongList, CallError: see `read_manifest`.
        """
        for source in self._sources:
            yield from read_manifest(source) if is_manifest(source) else self._found[source]

    def slices(self, films: int) -> Iterator[Slice]:
        """Yield the slices of `films` films each, the last one shorter."""
        return _slices(self, films)

    def plan(self, part_films: int) -> Plan:
        """Read everything once, and return how it is cut.

        Raises:
            NothingNamed: it holds no film; else as `__iter__`.
        """
        digests, films = [], 0
        for _, addresses in self.slices(part_films):
            films += len(addresses)
            text = "\0".join(addresses).encode("utf-8", "surrogatepass")
            digests.append(hashlib.sha256(text).hexdigest())
        if not films:
            raise NothingNamed(f"Expected films in {', '.join(self._sources[:3])}. Received none.")
        return Plan(films, part_films, tuple(digests))

    @cached_property
    def _found(self) -> dict[str, list[str]]:
        # Walked once: a folder that grows meanwhile would move the borders of the slices.
        return {
            source: [source] if is_url(source) else [film.path for film in find_films([source]).films]
            for source in self._sources
            if not is_manifest(source)
        }


def _slices(addresses: Iterable[str], films: int) -> Iterator[Slice]:
    following, number = iter(addresses), 0
    while part := list(islice(following, films)):
        yield Slice(number, part)
        number += 1
