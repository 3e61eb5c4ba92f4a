"""How long a film waits that could not be worked on, and when it is given up."""

from __future__ import annotations

import logging
import random
import time

from gateway.errors import Failed, Unavailable
from gateway.outbox import Entry, Outbox
from gateway.settings import GatewaySettings

_SHORTEST_WAIT, _LONGEST_WAIT = 0.5, 60.0

_log = logging.getLogger("pneumoserve.gateway")


def put_off(outbox: Outbox, settings: GatewaySettings, entry: Entry, error: Unavailable | Failed) -> None:
    """Try a film again later; give it up after `max_errors` of `Failed`, or `give_up_hours` in its state."""
    now, is_error, reason = time.time(), isinstance(error, Failed), str(error)
    is_over = now - entry.changed > settings.give_up_hours * 3600
    if is_over or (is_error and entry.errors + 1 >= settings.max_errors):
        outbox.give_up(entry.id, reason)
        _log.error("film failed", extra={"fields": {"film": entry.id, "reason": reason}})
    else:
        outbox.postpone(entry.id, reason, now + draw_wait(entry.tries + 1, _LONGEST_WAIT), is_error=is_error)
        _log.warning("film postponed", extra={"fields": {"film": entry.id, "reason": reason}})


def draw_wait(tries: int, longest: float) -> float:
    """Return a wait that doubles with each try, up to `longest` seconds, and half of which is random."""
    limit = min(longest, _SHORTEST_WAIT * 2 ** min(tries, 20))
    return random.uniform(limit / 2, limit)  # noqa: S311 - no secret
