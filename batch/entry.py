"""What a journal knows of one film, and the line that tells it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from batch.content import Identity
from batch.results import COLUMNS, Row

_IDENTITY = tuple(part.name for part in fields(Identity))


@dataclass(slots=True)
class Entry:
    """What the journal knows of one film: its row, and the bytes that the row is about, where there were any."""

    row: Row
    identity: Identity | None = None


def encode_entry(key: str, entry: Entry) -> bytes:
    """Return the line of a film: its row under the names of `COLUMNS`, `key` for its path, and its identity."""
    identity = {name: getattr(entry.identity, name, None) for name in _IDENTITY}
    return json.dumps(entry.row.as_columns() | {"path": key} | identity).encode() + b"\n"


def parse_entry(line: bytes, form: int) -> Entry | None:
    """Read a line of a journal of this format, its row's path the film's key; None where it is no film's."""
    value = parse_object(line)
    if value is None or tuple(value) != (COLUMNS if form == 1 else COLUMNS + _IDENTITY):
        return None
    values = list(value.values())
    identity = values[len(COLUMNS) :]
    is_known = bool(identity) and identity[0] is not None
    return Entry(Row(*values[: len(COLUMNS)]), Identity(*identity) if is_known else None)


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Read a whole line that holds one JSON object; None where it does not."""
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
