"""A site's findings → one self-contained HTML page. The text is in `templates/site_report.html.j2`."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from app.names import LABELS
from training.evaluation.drift import Scores
from training.reports.site_figures import WantedThreshold
from training.reports.site_plots import MARKS, Plot, plot_reliability, plot_roc, plot_scores
from training.reports.site_verdicts import SiteFindings, between, judge, judge_drift, percent, show_range, to_tenths


@dataclass(frozen=True)
class Picture:
    """One film and its activation map, both as JPEG bytes; `name` is shown where it is given."""

    number: int
    name: str | None
    label: str
    probability: float
    is_referred: bool
    film: bytes
    activation: bytes


@dataclass(frozen=True)
class Mistakes:
    """How many mistakes of one kind there are, and pictures of the most confident."""

    pictures: list[Picture]
    count: int


@dataclass(frozen=True)
class Page:
    """All that the page shows beyond the findings.

    `facts` are (name, value) pairs that say what was measured, `limits` sentences.
    """

    title: str
    summary: str
    findings: SiteFindings
    threshold: WantedThreshold | None
    training: Scores | None
    false_alarms: Mistakes
    missed: Mistakes
    facts: list[tuple[str, str]]
    limits: list[str]


@dataclass(frozen=True)
class _Plots:
    roc: Plot | None
    reliability: Plot
    scores: list[tuple[str, Plot]]


def render(page: Page) -> str:
    """Return the page as HTML; it refers to nothing outside itself."""
    text = (
        _open_templates()
        .get_template("site_report.html.j2")
        .render(
            page=page,
            findings=page.findings,
            verdicts=judge(page.findings),
            drift=judge_drift(page.findings.drift),
            plots=_plot(page),
            right_among_referred=_measure_referred(page.findings),
        )
    )
    return text.strip() + "\n"


def _open_templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("training.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {"between": between, "jpeg": _to_jpeg_link, "percent": percent, "tenths": to_tenths}
    templates.globals |= {"MARKS": [mark for mark, _ in MARKS], "show_range": show_range}
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
    return _Plots(plot_roc(assessment), plot_reliability(assessment), scores)


def _measure_referred(findings: SiteFindings) -> float | None:
    """Return the accuracy among the referred films; None where none is."""
    if findings.referral is None or not findings.referral.films.any():
        return None
    right = findings.assessment.predicted(findings.assessment.default) == (findings.assessment.labels == 1)
    return float(right[findings.referral.films].mean())


def _to_jpeg_link(data: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(data).decode()}"
