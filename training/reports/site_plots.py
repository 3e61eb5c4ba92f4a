"""A site report's plots, as SVG within the page: sharp on paper and phone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from training.evaluation.curves import reliability, roc
from training.evaluation.metrics import Metric
from training.evaluation.plots import COLOURS

MARKS = (("●", "o"), ("■", "s"), ("◆", "D"), ("▲", "^"))
"""Marks of operating points: in the text, and in Matplotlib."""

_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_GRID = "#dde3e9"
_STYLE: dict[Any, Any] = {  # Matplotlib types its keys one by one
    "svg.hashsalt": "pneumoserve",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5a6775",
    "axes.labelcolor": "#5a6775",
    "xtick.color": "#5a6775",
    "ytick.color": "#5a6775",
}
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plot:
    """An image's title and data link."""

    title: str
    source: str


def plot_roc(
    labels: NDArray[np.uint8], scores: NDArray[np.floating], points: Iterable[Mapping[str, Metric]]
) -> Plot | None:
    """Plot the ROC of labels and scores (films,) with the metrics of operating points; None: one class."""
    curve = roc(labels, scores)
    if curve is None:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _open_square("False alarms: 1 − specificity", "Found: sensitivity")
        axes.plot(curve.false_positive_rate, curve.sensitivity, color=COLOURS["NORMAL"])
        for number, metrics in enumerate(points):
            sensitivity, specificity = metrics["sensitivity"].value, metrics["specificity"].value
            if sensitivity is not None and specificity is not None:
                marker = MARKS[number % len(MARKS)][1]
                axes.plot(1 - specificity, sensitivity, marker, color=COLOURS["PNEUMONIA"], markeredgecolor="white")
        return _save(figure, "ROC curve with the operating points")


def plot_reliability(labels: NDArray[np.uint8], probabilities: Floats) -> Plot:
    """Plot observed proportion against predicted probability (films,), in the ECE's bins.

    Bars: where 95 % of a perfectly calibrated model's points would lie, with so few films a bin.
    """
    rng = np.random.default_rng(0)
    found = reliability(labels, probabilities)
    with mpl.rc_context(_STYLE):
        figure, axes = _open_square("Predicted probability (mean of the bin)", "Proportion with pneumonia")
        for x, chosen in zip(found.predicted, found.films, strict=True):
            # One by one: a thousand samples of a large set do not fit into memory.
            simulated = [np.mean(rng.random(chosen.size) < probabilities[chosen]) for _ in range(1000)]
            ends = np.percentile(simulated, [2.5, 97.5])
            axes.plot([x, x], ends, color="#b9c4cf", linewidth=5, solid_capstyle="round")
        axes.plot(found.predicted, found.observed, "o", color=COLOURS["NORMAL"], markeredgecolor="white")
        return _save(figure, "Calibration plot")


def plot_scores(here: Floats, training: Floats | None, threshold: float, span: tuple[float, float], label: str) -> Plot:
    """Plot one class's calibrated log-odds (films,), here (filled) and at the training site (line), as proportions.

    `threshold` is the default operating point, likewise; films beyond `span` count at the rim.
    """
    edges = np.linspace(*span, 25)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.2, 2.1), layout="constrained")
        axes = figure.add_subplot(xlabel="Predicted probability (log-odds scale)", xlim=span)
        axes.stairs(_count(here, edges), edges, fill=True, color=COLOURS[label], alpha=0.45)
        if training is not None and training.size:
            axes.stairs(_count(training, edges), edges, color="#1c2733", linewidth=1.2)
        if span[0] < threshold < span[1]:
            axes.axvline(threshold, color="#5a6775", linestyle="--", linewidth=1)
        places = {float(np.log(tick / (1 - tick))): tick for tick in _TICKS}
        axes.set_xticks([place for place in places if span[0] < place < span[1]])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda place, _: f"{100 / (1 + np.exp(-place)):.3g} %"))
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0, " %"))
        return _save(figure, f"Scores of films labelled {label}")


def _count(scores: Floats, edges: Floats) -> Floats:
    """Return each bin's proportion."""
    counts: Floats = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0] / scores.size
    return counts


def _open_square(across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(3.7, 3.5), layout="constrained")
    axes = figure.add_subplot(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.grid(color=_GRID)
    axes.set_axisbelow(True)
    axes.plot([0, 1], [0, 1], color="#5a6775", linestyle=":", linewidth=1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, 0, " %"))
    return figure, axes


def _save(figure: Figure, title: str) -> Plot:
    """Return a figure as SVG; the same figure gives the same bytes."""
    stream = BytesIO()
    figure.savefig(stream, format="svg", metadata={"Title": title, "Date": None, "Creator": None})
    return Plot(title, f"data:image/svg+xml;base64,{b64encode(stream.getvalue()).decode()}")
