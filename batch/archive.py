"""An archive: addresses of films from manifests, folders and files, cut into slices, a slice for each part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import NamedTuple

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

    def size(self, number: int) -> int:
        """Return how many films a slice has."""
        return min(self.part_films, self.films - number * self.part_films)


class Archive:
    """The films of manifests, folders, files and URLs, in their order; iterating again reads manifests again."""

    def __init__(self, sources: Sequence[str]) -> None:
        """Walk the folders, once: one that grows meanwhile would move the borders of the slices.

        Raises:
            NothingNamed: no folder or file exists, or none holds a film.
        """
        self._sources = sources
        self._groups: list[str | list[str]] = []  # a manifest, or films
        for are_manifests, group in groupby(sources, is_manifest):
            if are_manifests:
                self._groups += group
            else:
                self._groups.append([film.path for film in find_films(list(group)).films])

    def __iter__(self) -> Iterator[str]:
        """Yield addresses: a manifest's as it holds them, others as they are named.

        Raises:
            WrongList, CallError: see `read_manifest`.
        """
        return chain.from_iterable(read_manifest(group) if isinstance(group, str) else group for group in self._groups)

    def slices(self, films: int) -> Iterator[Slice]:
        """Yield the slices of `films` films each, the last one shorter."""
        return _cut(self, films)

    def plan(self, part_films: int = DEFAULT_PART_FILMS) -> Plan:
        """Read everything once, and return how it is cut.

        Raises:
            NothingNamed: it holds no film.
            WrongList, CallError: see `read_manifest`.
        """
        digests, films = [], 0
        for _, addresses in self.slices(part_films):
            films += len(addresses)
            text = "\0".join(addresses).encode("utf-8", "surrogatepass")
            digests.append(hashlib.sha256(text).hexdigest())
        if not films:
            raise NothingNamed(f"Expected films in {', '.join(self._sources[:3])}. Received none.")
        return Plan(films, part_films, tuple(digests))


def _cut(addresses: Iterable[str], films: int) -> Iterator[Slice]:
    following, number = iter(addresses), 0
    while part := list(islice(following, films)):
        yield Slice(number, part)
        number += 1
