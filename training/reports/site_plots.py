"""The plots of a hospital's own page, as inline SVG: sharp on paper and on a phone, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.metrics import ECE_BINS

# Blue and vermilion of Okabe and Ito (2008): told apart by every kind of colour vision, and in gray.
COLOURS = ("#0072b2", "#d55e00")
_INK, _SOFT, _GRID = "#1c2733", "#5a6775", "#dde3e9"
_LEFT, _TOP, _SIDE = 60, 10, 270
_MARKS = ("circle", "square", "diamond", "triangle")
_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
Floats = NDArray[np.float64]


def draw_roc(assessment: Assessment) -> str:
    """Draw the ROC with a mark for each operating point; `mark` draws the same marks for a legend."""
    order = np.argsort(-assessment.logits, kind="stable")
    sick, logits = assessment.labels[order].astype(np.float64), assessment.logits[order]
    ends = np.flatnonzero(np.r_[np.diff(logits) != 0, True])
    hits = np.r_[0, np.cumsum(sick)[ends] / sick.sum()]
    alarms = np.r_[0, np.cumsum(1 - sick)[ends] / (1 - sick).sum()]
    points = " ".join(f"{_x(a)},{_y(h)}" for a, h in zip(alarms, hits, strict=True))
    parts = [
        _square_axes("False alarms: 1 − specificity", "Found: sensitivity"),
        f'<polyline points="{points}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>',
    ]
    for number, (name, metrics) in enumerate(assessment.metrics.items()):
        sensitivity, specificity = metrics["sensitivity"].value, metrics["specificity"].value
        if sensitivity is not None and specificity is not None:
            parts.append(_mark(number, _x(1 - specificity), _y(sensitivity), name))
    return _svg("ROC curve with the operating points", *parts)


def mark(number: int) -> str:
    """Draw the mark of the nth operating point, to stand in a line of text."""
    return f'<svg class="mark" viewBox="0 0 14 14" aria-hidden="true">{_mark(number, 7, 7, "")}</svg>'


def draw_reliability(assessment: Assessment) -> str:
    """Draw the share found against the probability said, in bins of equal size.

    The bars show where 95 % of the points of a perfectly calibrated model would lie, with so few films a bin.
    """
    order = np.argsort(assessment.probabilities, kind="stable")
    rng = np.random.default_rng(0)
    parts = [_square_axes("Probability said (mean of the bin)", "Share with pneumonia")]
    points = []
    for chosen in np.array_split(order, ECE_BINS):
        if not chosen.size:
            continue
        said = assessment.probabilities[chosen]
        low, high = np.percentile((rng.random((1000, chosen.size)) < said).mean(axis=1), [2.5, 97.5])
        x, y = _x(said.mean()), _y(assessment.labels[chosen].mean())
        parts.append(f'<path d="M{x} {_y(low)}V{_y(high)}" stroke="#b9c4cf" stroke-width="7" stroke-linecap="round"/>')
        points.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{COLOURS[0]}" stroke="#fff"/>')
    return _svg("Calibration plot", *parts, *points)


def draw_scores(
    here: Floats, training: Floats | None, threshold: float, colour: str, span: tuple[float, float], name: str
) -> str:
    """Draw how one class scores here (filled) and at the training site (line), as shares of its films.

    Args:
        here: calibrated log-odds, of shape (films,).
        training: likewise; None where they are not known.
        threshold: the default operating point, likewise.
        colour: of the class.
        span: lowest and highest log-odds shown; films beyond are counted at the rim.
        name: of the class.
    """
    edges = np.linspace(*span, 25)
    shares = [
        np.histogram(np.clip(scores, *span), edges)[0] / scores.size
        for scores in (here, training)
        if scores is not None and scores.size
    ]
    height = 120
    top = max(float(share.max()) for share in shares) * 1.08
    xs = [round(_LEFT + 300 * (edge - span[0]) / (span[1] - span[0]), 1) for edge in edges]
    ys = [[round(_TOP + height * (1 - share / top), 1) for share in column] for column in shares]
    base = _TOP + height
    bars = "".join(
        f'<rect x="{left}" y="{y}" width="{round(right - left, 1)}" height="{round(base - y, 1)}"/>'
        for left, right, y in zip(xs, xs[1:], ys[0], strict=False)
    )
    parts = [f'<path d="M{_LEFT} {base}h300" stroke="{_SOFT}"/>', f'<g fill="{colour}" fill-opacity=".45">{bars}</g>']
    if len(ys) > 1:
        steps = "".join(f"V{y}H{right}" for y, right in zip(ys[1], xs[1:], strict=True))
        parts.append(f'<path d="M{xs[0]} {base}{steps}V{base}" fill="none" stroke="{_INK}" stroke-width="1.5"/>')
    if span[0] < threshold < span[1]:
        x = round(_LEFT + 300 * (threshold - span[0]) / (span[1] - span[0]), 1)
        parts.append(f'<path d="M{x} {_TOP}V{base}" stroke="{_SOFT}" stroke-dasharray="4 3"/>')
    for probability in _TICKS:
        place = (np.log(probability / (1 - probability)) - span[0]) / (span[1] - span[0])
        if 0.03 < place < 0.97:
            parts.append(_text(_LEFT + 300 * place, base + 16, f"{100 * probability:g} %", "middle"))
    parts.append(_text(_LEFT + 150, base + 34, "Probability said (log-odds scale)", "middle"))
    for share in (0.0, top / 1.08):
        parts.append(_text(_LEFT - 6, base - height * share / top + 4, f"{100 * share:.0f} %", "end"))
    return _svg(f"Scores of films labelled {name}", *parts, width=370, height=base + 42)


def _square_axes(across: str, up: str) -> str:
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<path d="M{_x(tick)} {_TOP}v{_SIDE}M{_LEFT} {_y(tick)}h{_SIDE}" stroke="{_GRID}"/>')
        parts.append(_text(_x(tick), _TOP + _SIDE + 16, f"{100 * tick:.0f} %", "middle"))
        parts.append(_text(_LEFT - 6, _y(tick) + 4, f"{100 * tick:.0f} %", "end"))
    parts.append(f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="{_SOFT}" stroke-dasharray="3 4"/>')
    parts.append(_text(_LEFT + _SIDE / 2, _TOP + _SIDE + 35, across, "middle"))
    middle = _TOP + _SIDE / 2
    parts.append(f'<g transform="rotate(-90 9 {middle})">{_text(9, middle, up, "middle")}</g>')
    return "".join(parts)


def _mark(number: int, x: float, y: float, name: str) -> str:
    shape = _MARKS[number % len(_MARKS)]
    body = {
        "circle": f'<circle cx="{x}" cy="{y}" r="5"/>',
        "square": f'<path d="M{x - 5} {y - 5}h10v10h-10z"/>',
        "diamond": f'<path d="M{x} {y - 6}l6 6l-6 6l-6 -6z"/>',
        "triangle": f'<path d="M{x} {y - 6}l6 11h-12z"/>',
    }[shape]
    title = f"<title>{escape(name)}</title>" if name else ""
    return f'<g fill="{COLOURS[1]}" stroke="#fff">{title}{body}</g>'


def _x(share: float) -> float:
    return round(float(_LEFT + _SIDE * share), 1)


def _y(share: float) -> float:
    return round(float(_TOP + _SIDE * (1 - share)), 1)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(title: str, *parts: str, width: int = 344, height: int = 324) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        f'<g font-size="11.5" fill="{_SOFT}">{"".join(parts)}</g></svg>'
    )


def label_colour(label: str) -> str:
    """Answer the colour in which a class is drawn."""
    return COLOURS[LABELS.index(label)]
