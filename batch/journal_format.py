"""The lines of a journal: its run, then a film each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from batch.errors import JournalRefused
from batch.fingerprint import Fingerprint
from batch.results import COLUMNS, Row

FORMAT = 2
BEGINNING = b'{"journal": '
_FINGERPRINT = tuple(part.name for part in fields(Fingerprint))


@dataclass(frozen=True)
class Run:
    """What a journal's rows have in common.

    `operating_point` is never "the default"; `model` is name/version, `model_sha256` of its weights; `relative` names
    films below `--root`. `prevalence` and `gate` are given in-process, where they are not as by default: a service has
    its own.
    """

    operating_point: str | None
    model: str | None
    model_sha256: str | None
    relative: bool = False
    prevalence: float | None = None
    gate: str | None = None

    def encode(self, results: Iterable[Fingerprint]) -> bytes:
        """Return the first line, with the fingerprints of the results written."""
        header = {"journal": FORMAT, **asdict(self), "results": [asdict(result) for result in results]}
        return json.dumps(header).encode() + b"\n"

    def check(self, header: Mapping[str, Any], name: str) -> None:
        """Check that the journal `name`, which begins with `header`, is of this run.

        Raises:
            JournalRefused: it is not, or a newer version wrote it.
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
        for part in ("operating_point", "model", "model_sha256", "prevalence", "gate"):
            before, now = header.get(part), getattr(self, part)
            if before != now:
                raise JournalRefused(
                    f"{name} was begun with {part} {before}; now it is {now}. "
                    "One result holds one model's answers at one operating point: "
                    "go back to that, name another --out, or start over with --restart."
                )


@dataclass(slots=True)
class JournalEntry:
    """One film's row, and the fingerprint of its bytes where they could be read."""

    row: Row
    fingerprint: Fingerprint | None = None

    def encode(self, key: str) -> bytes:
        """Return the line: the row under `COLUMNS`, `key` for its path, then the fingerprint."""
        fingerprint = {name: getattr(self.fingerprint, name, None) for name in _FINGERPRINT}
        return json.dumps(self.row.as_columns() | {"path": key} | fingerprint).encode() + b"\n"


def parse_entry(line: bytes, form: int) -> JournalEntry | None:
    """Read a film's line of this format, the key as path; None where it is none."""
    value = parse_object(line)
    if value is None or tuple(value) != (COLUMNS if form == 1 else COLUMNS + _FINGERPRINT):
        return None
    values = list(value.values())
    fingerprint = values[len(COLUMNS) :]
    is_known = bool(fingerprint) and fingerprint[0] is not None
    return JournalEntry(Row(*values[: len(COLUMNS)]), Fingerprint(*fingerprint) if is_known else None)


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Read a whole line that is one JSON object, else None."""
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
