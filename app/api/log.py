"""The log: what its lines look like, and the lines of finished requests, which are written many in one go."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal

_log = logging.getLogger("pneumoserve")
# One for all lines: `json.dumps` makes another for each.
_encode = json.JSONEncoder(ensure_ascii=False).encode
_NOTED = 64
_NOTED_SECONDS = 0.25


class RequestLog:
    """The lines of finished requests, in one event loop; each tells when its request ended, not when it is written.

    One by one, between two films, they cost several times what they cost in one go.
    """

    def __init__(self) -> None:
        self._noted: list[tuple[float, dict[str, Any]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, fields: dict[str, Any]) -> None:
        """Write a line soon: with the 64th, or after a quarter of a second."""
        self._noted.append((time.time(), fields))
        if len(self._noted) >= _NOTED:
            self.write()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_NOTED_SECONDS, self.write)

    def write(self) -> None:
        """Write all that is noted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        noted, self._noted = self._noted, []
        if not _log.isEnabledFor(logging.INFO):
            return
        for ended, fields in noted:
            record = _log.makeRecord(_log.name, logging.INFO, "", 0, "request", (), None, extra={"fields": fields})
            record.created = ended
            _log.handle(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        return _encode(line | getattr(record, "fields", {}))


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in getattr(record, "fields", {}).items())
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return f"{time} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()


def configure_logging(style: Literal["json", "text"]) -> None:
    """Send our log and the errors of the server and of libraries to standard error, a line each, no traceback.

    Their warnings tell of clients' mistakes, without the request's id; the answers tell more.
    """
    # None of them is written, and each is looked up for every line (the last is the caller's place in the code).
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if style == "json" else _TextFormatter())
    for name, level in (("pneumoserve", logging.INFO), (None, logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
