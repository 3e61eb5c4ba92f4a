"""The gateway's log: one JSON object a line on standard error; no names, no UIDs."""

from __future__ import annotations

import logging
import sys

from app.json_lines import JsonLines


def configure_log() -> None:
    """Write the gateway's own events; the libraries' repeat values of films."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("pneumoserve")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    logging.getLogger().handlers = [logging.NullHandler()]
