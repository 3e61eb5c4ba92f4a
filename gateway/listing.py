"""What `gateway status` says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.outbox import Entry, Outbox, State


def print_status(outbox: Outbox, output: Callable[[str], None]) -> bool:
    """Print the counts by state, why films wait, then each failed film; return whether none failed."""
    failed = outbox.in_state("failed")
    output(json.dumps(outbox.counts()))
    states: tuple[State, ...] = ("announced", "received", "written")
    reasons = [entry.reason for state in states for entry in outbox.in_state(state) if entry.reason]
    for reason, count in Counter(reasons).most_common():
        output(json.dumps({"waiting": count, "reason": reason}, ensure_ascii=False))
    for entry in failed:
        output(json.dumps(_describe(entry), ensure_ascii=False))
    return not failed


def print_film(outbox: Outbox, uid: str, output: Callable[[str], None]) -> bool:
    """Print what is known of a film, once for each version of its header and pixels; return whether anything is."""
    found = outbox.find(uid)
    for entry in found:
        output(json.dumps(_describe(entry), ensure_ascii=False))
    return bool(found)


def _describe(entry: Entry) -> dict[str, object]:
    return {
        "film": entry.id,
        "state": entry.state,
        "since": datetime.fromtimestamp(entry.changed, UTC).isoformat(timespec="seconds"),
        "reason": entry.reason,
    }
