"""Points of growth → one picture each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

from matplotlib import pyplot as plt

Point = dict[str, float]

# Told apart by the colour-blind too (Okabe and Ito 2008).
_BLUE, _ORANGE, _GRAY = "#0072b2", "#d55e00", "#777777"


def draw(name: str, points: Sequence[Point], title: str, folder: Path) -> Path:
    """Draw what `benchmarks.growth` measured.

    Args:
        name: clients, size, cores or memory.
        points: in the order of growth.
        title: of which model and machine.
        folder: gets `growth-NAME.png`.
    """
    draw_axes, panels = _DRAWINGS[name]
    figure, axes = plt.subplots(1, panels, figsize=(5.5 * panels, 4), layout="constrained", squeeze=False)
    draw_axes(list(axes[0]), points)
    for one in axes[0]:
        one.grid(color="#dddddd", linewidth=0.6)
        one.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    path = folder / f"growth-{name}.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _column(points: Sequence[Point], name: str) -> list[float]:
    return [point[name] for point in points]


def _draw_clients(axes: list[Any], points: Sequence[Point]) -> None:
    clients = _column(points, "clients")
    throughput, latency = axes
    throughput.plot(clients, _column(points, "per_second"), "o-", color=_BLUE, label="service, raw body")
    throughput.plot(clients, _column(points, "limit_per_second"), "--", color=_GRAY, label="bare loop, no server")
    throughput.set(ylabel="films a second")
    _from_zero(throughput)
    latency.plot(clients, _column(points, "median_ms"), "o-", color=_BLUE, label="median")
    latency.plot(clients, _column(points, "p99_ms"), "s-", color=_ORANGE, label="99th percentile")
    latency.set(ylabel="latency, ms", yscale="log")
    for one in axes:
        one.set_xscale("log", base=2)
        one.set_xticks(clients, [f"{count:g}" for count in clients])
        one.set_xlabel("clients at once")
        one.legend(frameon=False)


def _draw_size(axes: list[Any], points: Sequence[Point]) -> None:
    megapixels = _column(points, "megapixels")
    cost, line = axes
    cost.plot(megapixels, _column(points, "cpu_ms"), "o-", color=_BLUE, label="CPU a film")
    cost.plot(megapixels, _column(points, "median_ms"), "s-", color=_ORANGE, label="median latency")
    cost.set(ylabel="ms", xscale="log", yscale="log")
    cost.legend(frameon=False)
    cost.set_xticks(megapixels, [f"{size:g}" for size in megapixels])
    cost.minorticks_off()
    each, fixed = np.polyfit(megapixels, _column(points, "cpu_ms"), 1)
    line.plot(megapixels, _column(points, "cpu_ms"), "o", color=_BLUE, label="CPU a film")
    ends = np.array([0, max(megapixels)])
    line.plot(ends, fixed + each * ends, "--", color=_GRAY, label=f"{fixed:.1f} ms + {each:.2f} ms a megapixel")
    line.set(ylabel="ms")
    line.legend(frameon=False)
    _from_zero(line)
    for one in axes:
        one.set_xlabel("megapixels of a film")


def _draw_cores(axes: list[Any], points: Sequence[Point]) -> None:
    cores = _column(points, "cores")
    axes[0].plot(cores, _column(points, "per_second"), "o-", color=_BLUE, label="service, raw body, 32 clients")
    axes[0].plot(cores, _column(points, "limit_per_second"), "s--", color=_GRAY, label="bare loop, no server")
    axes[0].set(xlabel="cores", ylabel="films a second", xticks=cores)
    _from_zero(axes[0])
    axes[0].legend(frameon=False)


def _draw_memory(axes: list[Any], points: Sequence[Point]) -> None:
    thousands = [requests / 1000 for requests in _column(points, "requests")]
    axes[0].plot(thousands, _column(points, "megabytes"), "o-", color=_BLUE)
    axes[0].set(xlabel="thousand requests served", ylabel="resident memory, MB")
    _from_zero(axes[0])


def _from_zero(axis: Any) -> None:
    axis.set_ylim(0, 1.1 * axis.dataLim.y1)


_DRAWINGS: dict[str, tuple[Callable[[list[Any], Sequence[Point]], None], int]] = {
    "clients": (_draw_clients, 2),
    "size": (_draw_size, 2),
    "cores": (_draw_cores, 1),
    "memory": (_draw_memory, 1),
}
