"""How far the scoring is: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from batch.telling import warn

_SECONDS_BETWEEN_DRAWINGS = 0.5  # drawing takes milliseconds of the core that scoring wants
_SECONDS_BETWEEN_LINES = 5.0


class ScoringProgress:
    """Films finished of `total`, with rate, remaining time and failures; use it as a context manager."""

    def __init__(self, console: Console, total: int, already: int) -> None:
        self._console = console
        self._total = total
        self._already = already
        self._began = self._drawn = time.monotonic()
        self._bar = Progress(
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failures]}"),
            console=console,
            auto_refresh=False,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total, completed=already, rate="", failures="")

    def __enter__(self) -> ScoringProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        with suppress(OSError):
            self._bar.stop()

    def show(self, finished: int, failed: int, sent: int) -> None:
        """Tell how many films are finished (those of earlier starts included), failed and sent; draws when it is time.

        The rate that is shown is that of films sent, the time that is left follows all that get finished.
        """
        now = time.monotonic()
        between = _SECONDS_BETWEEN_DRAWINGS if self._console.is_terminal else _SECONDS_BETWEEN_LINES
        if now - self._drawn < between and finished < self._total:
            return
        self._drawn = now
        seconds = max(now - self._began, 1e-9)
        rate, pace = sent / seconds, (finished - self._already) / seconds
        failures = f"{failed} failed" if failed else ""
        if self._console.is_terminal:
            with suppress(OSError):  # the terminal is gone; the work goes on
                self._bar.update(
                    self._task, completed=finished, rate=f"{rate:.0f} films/s", failures=failures, refresh=True
                )
            return
        left = f"{(self._total - finished) / pace:.0f} s left" if pace else "waiting for the service"
        told = [f"{finished} of {self._total} films", f"{rate:.0f} films/s", left, failures]
        warn(" · ".join(part for part in told if part))
