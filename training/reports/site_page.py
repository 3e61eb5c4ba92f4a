"""A site's findings → one self-contained HTML page, by `templates/site_….html.j2`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment
from numpy.typing import NDArray

from app.names import LABELS
from app.version import package_version
from training.evaluation.drift import Scores
from training.evaluation.evaluation import Evaluation
from training.evaluation.metrics import Metric
from training.reports.html_templates import open_html_templates
from training.reports.site_figures import WantedThreshold
from training.reports.site_plots import MARKS, Plot, plot_reliability, plot_roc, plot_scores
from training.reports.site_verdicts import FEW_FILMS, SiteFindings, judge

_MOST_REASONS = 5


@dataclass(frozen=True)
class Picture:
    """A film and its activation map as JPEG bytes; a name to show."""

    number: int
    name: str | None
    label: str
    probability: float
    is_referred: bool
    film: bytes
    activation: bytes


@dataclass(frozen=True)
class Mistakes:
    """Their number, and pictures of the most confident."""

    pictures: list[Picture]
    count: int


@dataclass(frozen=True)
class Page:
    """What the page shows.

    `threshold` is None where no film is PNEUMONIA, `patients` where unknown. `training` is the model's scores on its
    validation films, where known. Mistakes are at the default operating point.
    """

    evaluation: Evaluation
    findings: SiteFindings
    threshold: WantedThreshold | None
    training: Scores | None
    false_alarms: Mistakes
    missed: Mistakes
    patients: int | None
    command: str
    date: str


@dataclass(frozen=True)
class _Plots:
    roc: Plot | None
    reliability: Plot
    scores: list[tuple[str, Plot]]


def render(page: Page) -> str:
    """Return the page as HTML that refers to nothing outside."""
    text = (
        _open_templates()
        .get_template("site_report.html.j2")
        .render(
            page=page,
            findings=page.findings,
            verdicts=judge(page.findings),
            reasons=Counter(file.reason for file in page.evaluation.unreadable).most_common(_MOST_REASONS),
            plots=_plot(page),
            right_among_referred=_measure_referred(page.findings),
        )
    )
    return text.strip() + "\n"


def _open_templates() -> Environment:
    templates = open_html_templates()
    templates.filters |= {"between": _between, "percent": _percent, "tenths": _to_tenths}
    templates.globals |= {
        "FEW_FILMS": FEW_FILMS,
        "MARKS": [mark for mark, _ in MARKS],
        "VERSION": package_version(),
        "show_range": _show_range,
    }
    return templates


def _plot(page: Page) -> _Plots:
    assessment, calibration = page.findings.assessment, page.findings.manifest.calibration

    def log_odds(logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return calibration.slope * np.asarray(logits, np.float64) + calibration.intercept

    here = log_odds(assessment.logits)
    there = None if page.training is None else log_odds(page.training.logits)
    low, high = np.percentile(here if there is None else np.concatenate([here, there]), [0.5, 99.5])
    threshold = float(log_odds(np.array(assessment.operating_points[assessment.default])))
    scores = []
    for number, label in enumerate(LABELS):
        if np.any(assessment.labels == number):
            reference = None if there is None or page.training is None else there[page.training.labels == number]
            span = (float(low) - 0.1, float(high) + 0.1)
            scores.append((label, plot_scores(here[assessment.labels == number], reference, threshold, span, label)))
    return _Plots(
        plot_roc(assessment.labels, assessment.logits, assessment.metrics.values()),
        plot_reliability(assessment.labels, assessment.probabilities),
        scores,
    )


def _measure_referred(findings: SiteFindings) -> float | None:
    """Return the accuracy on referred films, if any."""
    if findings.referral is None or not findings.referral.films.any():
        return None
    right = findings.assessment.predicted(findings.assessment.default) == (findings.assessment.labels == 1)
    return float(right[findings.referral.films].mean())


def _percent(proportion: float) -> str:
    """Format whole percents, with a decimal near 0 and 100."""
    shown = 100 * proportion
    # A number and its sign stay on one line.
    return f"{shown:.0f}\N{NO-BREAK SPACE}%" if 1 <= shown <= 99 or shown in (0, 100) else _to_tenths(proportion)


def _to_tenths(proportion: float) -> str:
    return f"{100 * proportion:.1f}\N{NO-BREAK SPACE}%"


def _between(metric: Metric) -> str:
    """Format an interval, `89 to 98 %`; empty without one."""
    return "" if metric.low is None or metric.high is None else _show_range(metric.low, metric.high)


def _show_range(low: float, high: float) -> str:
    return f"{_percent(low)[:-2]} to {_percent(high)}"
