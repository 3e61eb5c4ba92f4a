"""The log: one line an event, JSON or text."""

from __future__ import annotations

import logging
import sys
from typing import Literal

from app.json_lines import JsonLines, time_of


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={value}" for key, value in getattr(record, "fields", {}).items())
        return f"{time_of(record)} {record.levelname.lower():7} {record.getMessage()} {fields}".rstrip()


def configure_logging(style: Literal["json", "text"]) -> None:
    """Write our log, and errors of server and libraries, to standard error: a line each, no traceback.

    The server's warnings only repeat clients' mistakes: they are left out.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else _TextFormatter())
    for name, level in (("pneumoserve", logging.INFO), (None, logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
