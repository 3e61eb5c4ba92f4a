"""`pneumoserve serve`: environment variables → a running server."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.environment import PREFIX, find_unknown
from app.errors import PneumoServeError, is_out_of_memory
from app.listening import is_loopback, listen
from app.own_settings import describe_wrong
from app.settings import Settings
from app.version import package_version

_log = logging.getLogger("pneumoserve")


def serve(*, host: str | None = None, port: int | None = None, model_store: Path | None = None) -> int:
    """Serve until a signal; arguments replace variables.

    Returns:
        The exit status: 0 ended, 1 no model or no address, 2 a wrong or unknown variable; the reason is on standard
            error.
    """
    given = {"host": host, "port": port, "model_store": model_store}
    settings, wrong = _read_settings({name: value for name, value in given.items() if value is not None})
    unknown = find_unknown(os.environ, Settings.variables())
    wrong += [
        f"{name}: expected a variable that PneumoServe knows. The nearest is {nearest}."
        for name, nearest in unknown.items()
        if nearest is not None
    ]
    if settings is not None and not (settings.api_keys or settings.allow_anonymous or is_loopback(settings.reached_at)):
        wrong.append(
            f"{PREFIX}API_KEYS: expected keys where other machines are served: `pneumoserve keys new NAME` makes one. "
            f"{PREFIX}ALLOW_ANONYMOUS=1 serves everybody."
        )
    if settings is None or wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2

    from app.api.log import configure_logging
    from app.api.tracing import open_tracing
    from app.main import create_app
    from app.process import prepare_process
    from app.server import make_server

    prepare_process()
    configure_logging(settings.log_format)
    for name in (name for name, nearest in unknown.items() if nearest is None):
        _log.warning("unknown variable", extra={"fields": {"variable": name}})
    try:
        sockets = listen(settings.host, settings.port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "that is no address"
        where = f"Cannot listen on {settings.host}, port {settings.port}: {reason}."
        print(f"{where} Choose another with PNEUMOSERVE_HOST or PNEUMOSERVE_PORT.", file=sys.stderr)
        return 1
    settings = settings.model_copy(update={"port": sockets[0].getsockname()[1]})
    refusals: list[Exception] = []

    def refuse(error: Exception) -> None:
        refusals.append(error)
        server.should_exit = True

    try:
        tracing = open_tracing(os.environ, package_version())
    except PneumoServeError as error:
        # Their variables are often set for a whole cluster: films do not wait for them.
        tracing = None
        _log.warning("no traces", extra={"fields": {"reason": str(error)}})
    application = create_app(settings, refused=refuse, tracing=tracing)
    server = make_server(application, settings)
    try:
        server.run(sockets=sockets)
    except RuntimeError as error:
        # The ending event loop starts a thread, which the system may refuse too: already reported.
        if not (refusals and is_out_of_memory(error)):
            raise
    status = 1 if refusals else 0
    if not application.state.service.scheduler.join(0):
        # A worker that is still busy cannot be waited for, and would crash in the interpreter's end.
        logging.shutdown()
        sys.stderr.flush()
        os._exit(status)
    return status


def _read_settings(given: dict[str, Any]) -> tuple[Settings | None, list[str]]:
    """Return the settings, or what was expected of each wrong one, never its value."""
    try:
        return Settings(**given), []
    except ValidationError as error:
        return None, describe_wrong(error, PREFIX)
