"""Lines and progress for people; a closed stream ends nothing."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from batch.paths import printable

_SECONDS_BETWEEN_REFRESHES = 0.5  # a refresh takes milliseconds
_SECONDS_BETWEEN_LINES = 5.0


def print_out(*lines: str) -> None:
    """Print lines on standard output."""
    _print(sys.stdout, lines)


def print_err(*lines: str) -> None:
    """Print lines on standard error."""
    _print(sys.stderr, lines)


def print_counts(films: int, failures: Counter[str], seconds: float, cpu_seconds: float) -> None:
    """Print how many films of an archive were scored and failed, by error, and how fast; times are of all of them."""
    failed = failures.total()
    print_out(f"{films - failed} films scored, {failed} failed.")
    print_out(*(f"  {slug}: {count}" for slug, count in sorted(failures.items())))
    if films:
        rate = f"{films / seconds:.0f} films/s, {1000 * cpu_seconds / films:.2f} ms of CPU time a film"
        print_out(f"{films} scored in {seconds:.1f} s: {rate}.")


def _print(stream: TextIO | None, lines: tuple[str, ...]) -> None:
    if stream is None:  # closed before the process began
        return
    encoding = stream.encoding or "utf-8"
    text = "".join(f"{printable(line)}\n" for line in lines)
    with suppress(OSError):  # its reader is gone, or its disk full
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


class ScoringProgress:
    """Context manager: films finished of `total`, rate, time left and failures; a bar on a terminal, else lines."""

    def __init__(self, console: Console, total: int, already: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._total = total
        self._already = already
        self._clock = clock
        self._began = self._refreshed = clock()
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
        """Print how many films are finished, earlier starts included, and failed, when it is time.

        The rate counts films sent; the time left, films finished.
        """
        now = self._clock()
        between = _SECONDS_BETWEEN_REFRESHES if self._console.is_terminal else _SECONDS_BETWEEN_LINES
        if now - self._refreshed < between and finished < self._total:
            return
        self._refreshed = now
        seconds = max(now - self._began, 1e-9)
        sent_rate, finished_rate = sent / seconds, (finished - self._already) / seconds
        rate, failures = f"{sent_rate:.0f} films/s", f"{failed} failed" if failed else ""
        if self._console.is_terminal:
            with suppress(OSError):  # the terminal is gone
                self._bar.update(self._task, completed=finished, rate=rate, failures=failures, refresh=True)
            return
        left = f"{(self._total - finished) / finished_rate:.0f} s left" if finished_rate else "waiting for the service"
        parts = [f"{finished} of {self._total} films", rate, left, failures]
        print_err(" · ".join(part for part in parts if part))
