"""What was measured, turn by turn → one table and a list of checks, as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# Metrics of the table: heading and decimal places. A column without a value is left out.
COLUMNS = {
    "per_second": ("films/s", 1),
    "of_loop": ("÷ bare loop", 2),
    "cpu_ms": ("CPU ms per film", 2),
    "thread_ms": ("of it event loop", 2),
    "median_ms": ("median ms", 1),
    "p99_ms": ("p99 ms", 1),
    "tail": ("p99 ÷ median", 2),
    "livez_ms": ("/livez median ms", 1),
    "livez_p99_ms": ("/livez p99 ms", 1),
    "ours_over": ("PneumoServe ÷ it", 2),
    "peak_mb": ("peak MB", 0),
    "ready_s": ("ready s", 2),
}


@dataclass
class Results:
    """Every metric by row and name: one value a turn, or one a start of the server."""

    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    ratio_rows: set[str] = field(default_factory=set)

    def add(self, row: str, **metrics: float) -> None:
        """Keep a turn's metrics of a row."""
        for name, value in metrics.items():
            self.rows.setdefault(row, {}).setdefault(name, []).append(value)

    def each(self, row: str, name: str) -> list[float]:
        """Return a row's metric of every turn; none where it was not measured."""
        return self.rows.get(row, {}).get(name, [])

    def add_ratio(self, row: str, one: str, other: str) -> None:
        """Add a row with the ratios of two others, turn by turn."""
        self.ratio_rows.add(row)
        for name in COLUMNS:
            for top, bottom in zip(self.each(one, name), self.each(other, name), strict=True):
                self.add(row, **{name: top / bottom})


@dataclass(frozen=True)
class Check:
    """A metric's values, of which the median counts, and the bounds that are promised."""

    what: str
    values: Sequence[float]
    at_least: float = -math.inf
    at_most: float = math.inf

    def __str__(self) -> str:
        median = statistics.median(self.values) if self.values else math.nan
        wanted = f", at least {self.at_least:g}" if math.isfinite(self.at_least) else ""
        wanted += f", at most {self.at_most:.3g}" if math.isfinite(self.at_most) else ""
        each = f"; each: {' '.join(f'{value:.3g}' for value in self.values)}" if len(self.values) > 1 else ""
        mark = f"[{'x' if self.at_least <= median <= self.at_most else ' '}] " if wanted else ""
        return f"- {mark}{self.what}: {f'**{median:.3g}**' if self.values else 'not measured'}{wanted}{each}"


def write_table(results: Results) -> str:
    """Return the table of all rows that have a column's metric: medians over the turns."""
    names = [name for name in COLUMNS if any(name in metrics for metrics in results.rows.values())]
    lines = []
    for row, metrics in results.rows.items():
        cells = []
        for name in names:
            digits = 2 if row in results.ratio_rows else COLUMNS[name][1]
            cells.append(f"{statistics.median(metrics[name]):,.{digits}f}" if name in metrics else "")
        if any(cells):
            lines.append([row, *cells])
    return write_markdown(["", *(COLUMNS[name][0] for name in names)], lines)


def write_markdown(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return an aligned Markdown table: the first column to the left, the others to the right."""
    rows = [headings, *lines]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "".join(
        f"| {first.ljust(widths[0])} | {' | '.join(map(str.rjust, others, widths[1:]))} |\n" for first, *others in rows
    )
