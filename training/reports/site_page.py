"""A site's findings → one self-contained HTML page, for a radiologist and for those who run the service."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from training.evaluation.drift import Scores
from training.reports.site_figures import WantedThreshold
from training.reports.site_html import show_list
from training.reports.site_sections import (
    show_calibration,
    show_drift,
    show_points,
    show_referral,
    show_roc,
    show_threshold,
)
from training.reports.site_verdicts import SiteFindings, judge

NOT_A_DEVICE = (
    "Not a medical device. This page describes how a research model reads these films; it is no approval to use it."
)
_FLAGS = {"good": "As expected", "look": "Look closer", "unknown": "Not known"}


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
class Page:
    """All that the page shows beyond the findings.

    `mistakes` holds the pictures of false alarms and of missed pneumonias, with how many there are of each; `facts`
    are (name, value) pairs that say what was measured, and `limits` sentences.
    """

    title: str
    summary: str
    findings: SiteFindings
    threshold: WantedThreshold | None
    training: Scores | None
    mistakes: tuple[tuple[list[Picture], int], tuple[list[Picture], int]]
    facts: list[tuple[str, str]]
    limits: list[str]


def render(page: Page) -> str:
    """Answer the page; it refers to nothing outside itself."""
    assessment, calibration = page.findings.assessment, page.findings.manifest.calibration
    css = files("training.reports").joinpath("site_report.css").read_text("utf-8")
    sections = [
        _section("In plain words", _show_verdicts(page.findings)),
        _section("At each operating point", show_points(assessment, calibration)),
        _section("ROC: every threshold there is", show_roc(assessment)),
        _section("A threshold for this site", show_threshold(page.threshold, calibration)),
        _section("Calibration: do the probabilities hold?", show_calibration(page.findings)),
        _section("Scores beside the training site's", show_drift(page.findings, page.training)),
        _section("What would be referred", show_referral(page.findings)),
        _section("The most confident mistakes", _show_mistakes(page)),
        _section("Limits", show_list(page.limits)),
        _section("What was measured", _show_facts(page.facts)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(page.title)}</h1>\n<p>{escape(page.summary)}</p>\n"
        f'<p class="device"><strong>{escape(NOT_A_DEVICE)}</strong></p>\n'
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}\n</section>"


def _show_verdicts(findings: SiteFindings) -> str:
    items = [
        f'<li class="{verdict.level}"><strong>{escape(verdict.subject)}</strong> '
        f'<span class="flag">{_FLAGS[verdict.level]}</span><br>{escape(verdict.words)}</li>'
        for verdict in judge(findings)
    ]
    return f'<ul class="verdicts">{"".join(items)}</ul>'


def _show_mistakes(page: Page) -> str:
    parts = [
        "<p>Either the model is wrong here, or the label is: look at both. Left the film, right what drove the answer: "
        "orange towards pneumonia, blue away from it. Films can have names burnt into their pixels: look through these "
        "before the page leaves the house.</p>"
    ]
    for title, (pictures, count) in zip(("False alarms", "Missed pneumonias"), page.mistakes, strict=True):
        shown = f", the {len(pictures)} most confident" if count > len(pictures) else ""
        parts.append(f"<h3>{title}: {count}{shown}</h3>")
        parts.append(f'<div class="films">{"".join(_show_picture(picture) for picture in pictures)}</div>')
    return "".join(parts)


def _show_picture(picture: Picture) -> str:
    name = f" · {escape(picture.name)}" if picture.name is not None else ""
    images = "".join(
        f'<img src="data:image/jpeg;base64,{b64encode(data).decode()}" alt="{kind} of film {picture.number}">'
        for kind, data in (("Film", picture.film), ("Activation map", picture.activation))
    )
    referred = ", would be referred" if picture.is_referred else ""
    return (
        f'<figure><div class="pair">{images}</div><figcaption><strong>Film {picture.number}</strong>{name}<br>labelled '
        f"{picture.label}, probability of pneumonia {picture.probability:.3f}{referred}</figcaption></figure>"
    )


def _show_facts(facts: list[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in facts)}</dl>"
