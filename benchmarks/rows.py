"""What is measured, round by round, and the table of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

LIMIT = "limit"


@dataclass(frozen=True)
class Row:
    """One row of the table: a server (or the bare loop) with a model, and how it is asked."""

    model: str
    server: str
    form: str = ""
    clients: int = 0
    maps: str = ""

    def __str__(self) -> str:
        asked = f"{self.form}, {self.clients} client{'s' * (self.clients > 1)}" if self.clients else ""
        maps = f"maps: {self.maps}" if self.maps else ""
        return ", ".join(part for part in (self.server, asked, maps) if part)


@dataclass(frozen=True)
class Figures:
    """One row's figures in one round; what cannot be told of a row is None.

    Attributes:
        per_second: films answered a second.
        median_ms: of the latencies, milliseconds.
        p99_ms: the 99th percentile of the latencies, milliseconds.
        cpu_ms: CPU milliseconds a film of the whole process tree, without the client's.
        peak_megabytes: of the process tree, see `Server.peak_megabytes`.
        ready_seconds: from the start until it was ready.
        client_cpu_ms: CPU milliseconds a film of the load generator, which shares the cores.
    """

    per_second: float
    median_ms: float
    p99_ms: float
    cpu_ms: float
    peak_megabytes: float
    ready_seconds: float
    client_cpu_ms: float | None = None


_HEADINGS = ("films/s", "median ms", "p99 ms", "CPU ms", "peak MB", "ready s", "client's CPU ms")
_DIGITS = (1, 1, 1, 2, 0, 2, 2)


@dataclass
class Rounds:
    """All figures by row, one a round; and single figures by name, one a round likewise."""

    rows: dict[Row, list[Figures]] = field(default_factory=dict)
    single: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: Row, figures: Figures) -> None:
        """Keep a round's figures of a row."""
        self.rows.setdefault(row, []).append(figures)

    def note(self, name: str, figure: float) -> None:
        """Keep a round's figure that belongs to no row."""
        self.single.setdefault(name, []).append(figure)

    def each(self, row: Row, name: str) -> list[float]:
        """Answer a row's figure of every round; empty where it was not measured."""
        return [value for figures in self.rows.get(row, []) if (value := getattr(figures, name)) is not None]

    def ratio(self, row: Row, base: Row, name: str = "per_second") -> float | None:
        """Answer the median over the rounds of a row's figure divided by another's of the same round."""
        return median_ratio(self.each(row, name), self.each(base, name))


def median_ratio(ones: Sequence[float], others: Sequence[float]) -> float | None:
    """Answer the median of the ratios pair by pair; None where a round is missing, or there is none."""
    if not ones or len(ones) != len(others) or not all(others):
        return None
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


def write_table(rounds: Rounds, model: str) -> str:
    """Write one model's rows as Markdown: medians over the rounds, each with its ratio to `limit`."""
    base = Row(model, LIMIT)
    names = [figure.name for figure in fields(Figures)]
    lines = []
    for row in rounds.rows:
        if row.model != model:
            continue
        cells = [str(row)]
        for name, digits in zip(names, _DIGITS, strict=True):
            values = rounds.each(row, name)
            ratio = rounds.ratio(row, base, name)
            told = f"{statistics.median(values):,.{digits}f}" if values else ""
            cells.append(told if ratio is None or row == base else f"{told} ({ratio:.2f})")
        lines.append(cells)
    return write_markdown(("", *_HEADINGS), lines)


def write_markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table that can be read as it is: the first column to the left, the others to the right."""
    rows = [list(headings), *(list(line) for line in lines)]
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(headings))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    told = []
    for row in (rows[0], rule, *rows[1:]):
        padded = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        told.append(f"| {' | '.join(padded)} |")
    return "\n".join(told) + "\n"
