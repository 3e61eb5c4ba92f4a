"""Print for people, where a stream that cannot take it ends nothing: the work has been done, or goes on."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO

from batch.paths import shown


def tell(*lines: str) -> None:
    """Print lines on standard output."""
    _print(sys.stdout, lines)


def warn(*lines: str) -> None:
    """Print lines on standard error."""
    _print(sys.stderr, lines)


def _print(stream: TextIO | None, lines: tuple[str, ...]) -> None:
    if stream is None:  # it was closed before we began
        return
    encoding = stream.encoding or "utf-8"
    text = "".join(f"{shown(line)}\n" for line in lines)
    with suppress(OSError):  # its reader has gone away, or its disk is full
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
