"""What all rows of one journal have in common, as its first line tells it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from batch.content import Identity
from batch.errors import JournalRefused

FORMAT = 2
BEGINNING = b'{"journal": '


@dataclass(frozen=True)
class Run:
    """What all rows of one journal have in common.

    `operating_point` is a name (never "the default"), `model` is name/version, `model_sha256` that of its weights;
    `relative` tells whether films are named below the folder `--root`.
    """

    operating_point: str | None
    model: str | None
    model_sha256: str | None
    relative: bool = False

    def as_line(self, results: Iterable[Identity]) -> bytes:
        """Return the first line of a journal of this run, which was written to these results."""
        header = {"journal": FORMAT, **asdict(self), "results": [asdict(result) for result in results]}
        return json.dumps(header).encode() + b"\n"

    def check(self, header: Mapping[str, Any], name: str) -> None:
        """Refuse to go on with the journal called `name`, which begins with `header`, where it is another run's.

        Raises:
            JournalRefused: it is, or a newer version of this command wrote it.
        """
        if header["journal"] not in range(1, FORMAT + 1):
            raise JournalRefused(
                f"{name} was written by another version of this command: it has format {header['journal']}, this "
                f"version knows up to {FORMAT}. Use that version, name another --out, or start over with --restart."
            )
        if bool(header.get("relative")) != self.relative:
            way = "without" if self.relative else "with"
            raise JournalRefused(
                f"{name} was begun {way} --root. Start {way} it again, name another --out, "
                "or start over with --restart."
            )
        for part in ("operating_point", "model", "model_sha256"):
            before, now = header.get(part), getattr(self, part)
            if before != now:
                raise JournalRefused(
                    f"{name} was begun with {part} {before}; now it is {now}. "
                    "One result holds one model's answers at one operating point: "
                    "go back to that, name another --out, or start over with --restart."
                )
