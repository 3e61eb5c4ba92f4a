"""The results of an archive as Parquet parts, each written once under a name that its films and options decide.

Beside the parts stands `_run.json`: what all of them have in common. Another run is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable
from typing import Any

from batch.archive import Plan
from batch.destinations import Destination
from batch.errors import JournalRefused, UnusableResult
from batch.in_process import FilmScorer
from batch.results import Row, encode_parquet

RUN_FILE = "_run.json"
FORMAT = 1
_HASH_LETTERS = 12


def describe_run(scorer: FilmScorer, plan: Plan) -> dict[str, Any]:
    """Return what `_run.json` pins: the model and its hash, the options that change an answer, the films and their cut.

    `manifest_sha256` is the digest of all addresses.
    """
    run, options = scorer.run, scorer.options
    return {
        "parts": FORMAT,
        "model": run.model,
        "model_sha256": run.model_sha256,
        "operating_point": run.operating_point,
        "prevalence": options.prevalence,
        "gate": options.gate,
        "engine": options.engine,
        "films": plan.films,
        "part_films": plan.part_films,
        "manifest_sha256": plan.sha256,
    }


class Parts:
    """The parts of one run at a destination. Numbers begin at 0."""

    def __init__(self, destination: Destination, plan: Plan, run: dict[str, Any]) -> None:
        """Begin or resume the run.

        Args:
            destination: where the parts stand.
            plan: how the archive is cut.
            run: see `describe_run`.

        Raises:
            UnusableResult: pyarrow is missing.
            JournalRefused: another run stands there.
            StoreFailed: the destination cannot be read or written.
        """
        if importlib.util.find_spec("pyarrow") is None:
            raise UnusableResult("Parts are Parquet, which needs pyarrow. Run `make install-archive`.")
        self._destination = destination
        text = json.dumps(run, indent=1) + "\n"
        # Read before it is written: some stores ignore the condition of a conditional write.
        if destination.read(RUN_FILE) is not None or not destination.create(RUN_FILE, text.encode()):
            _check_same(destination.read(RUN_FILE) or b"", run)
        settings = hashlib.sha256(text.encode())
        self._names = []
        for number, digest in enumerate(plan.digests):
            slice_and_settings = settings.copy()
            slice_and_settings.update(digest.encode())
            letters = slice_and_settings.hexdigest()[:_HASH_LETTERS]
            self._names.append(f"part-{number:05d}-of-{len(plan.digests):05d}-{letters}.parquet")

    def __len__(self) -> int:
        return len(self._names)

    def name(self, number: int) -> str:
        """Return the name of a part."""
        return self._names[number]

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not written yet.

        Raises:
            StoreFailed: the destination cannot be read.
        """
        there = self._destination.names()
        return [number for number, name in enumerate(self._names) if name not in there]

    def commit(self, number: int, rows: Iterable[Row]) -> bool:
        """Write a part's rows, in the order of its films; return False where another process was first.

        Raises:
            StoreFailed: the destination cannot be written.
        """
        return self._destination.create(self._names[number], encode_parquet(rows))


def _check_same(written: bytes, now: dict[str, Any]) -> None:
    try:
        before = dict(json.loads(written))
    except (ValueError, TypeError):
        raise JournalRefused(f"Expected {RUN_FILE} of this command in --out. Received another file.") from None
    for part in dict.fromkeys([*now, *before]):
        if before.get(part) != now.get(part):
            raise JournalRefused(
                f"--out holds parts of another run: {part} was {before.get(part)}, and now is {now.get(part)}. "
                "Go back to that, or name another --out."
            )
