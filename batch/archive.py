"""An archive: addresses of films from manifests, folders and files, cut into slices, a slice for each part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import NamedTuple

from batch.console import print_err
from batch.errors import NothingNamed, WrongList
from batch.manifests import is_manifest, read_manifest
from batch.paths import find_films

DEFAULT_PART_FILMS = 2_000
_SAMPLES = 20
_CHANGED = "Expected a manifest that stays as it is. Received one that changed since this start began."


class Slice(NamedTuple):
    """Consecutive films of an archive: those of one part."""

    number: int
    addresses: list[str]

    @property
    def sha256(self) -> str:
        """Return the digest of the addresses, in hexadecimal."""
        return hashlib.sha256("\0".join(self.addresses).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Plan:
    """How an archive is cut.

    `digests`: SHA-256 in hexadecimal, of each slice's addresses. `samples`: addresses of films from all over it.
    """

    films: int
    part_films: int
    digests: tuple[str, ...]
    samples: tuple[str, ...]

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
                found = find_films(list(group))
                self._groups.append([film.path for film in found.films])
                if skipped := found.describe_skipped():
                    print_err(skipped)

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
        digests, firsts, films = [], [], 0
        for part in self.slices(part_films):
            films += len(part.addresses)
            digests.append(part.sha256)
            firsts.append(part.addresses[0])
        if not films:
            raise NothingNamed(f"Expected films in {', '.join(self._sources[:3])}. Received none.")
        return Plan(films, part_films, tuple(digests), tuple(firsts[:: len(firsts) // _SAMPLES + 1]))

    def planned(self, plan: Plan) -> Iterator[Slice]:
        """Read everything again, and yield the slices of a plan.

        Raises:
            WrongList: a manifest was changed since, or see `read_manifest`.
            CallError: likewise.
        """
        digests = iter(plan.digests)
        for part in self.slices(plan.part_films):
            if part.sha256 != next(digests, None):
                raise WrongList(_CHANGED)
            yield part
        if next(digests, None) is not None:
            raise WrongList(_CHANGED)


def _cut(addresses: Iterable[str], films: int) -> Iterator[Slice]:
    following, number = iter(addresses), 0
    while part := list(islice(following, films)):
        yield Slice(number, part)
        number += 1
