"""Shards: which parts of an archive one process scores, where several share them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from batch.errors import CallError

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
"""In which a Kubernetes Indexed Job tells each pod its index."""
_NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True)
class Shard:
    """Every part whose number modulo `count` is `index`."""

    index: int = 0
    count: int = 1

    def takes(self, number: int) -> bool:
        """Return whether a part is this shard's."""
        return number % self.count == self.index


def parse_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Read `i/n`, i from 0 to n - 1, or `auto/n`, where the environment's JOB_COMPLETION_INDEX is i.

    Raises:
        CallError: it is neither, or the variable is missing.
    """
    index, _, count = text.partition("/")
    if index == "auto":
        index = environment.get(INDEX_VARIABLE, "")
        if not index:
            raise CallError(f"Expected {INDEX_VARIABLE} to be set, for --shard auto. Received none.")
    if not (_NUMBER.fullmatch(index) and _NUMBER.fullmatch(count) and int(index) < int(count)):
        raise CallError(f"Expected --shard INDEX/COUNT, INDEX from 0 to COUNT - 1. Received: {index}/{count}.")
    return Shard(int(index), int(count))
