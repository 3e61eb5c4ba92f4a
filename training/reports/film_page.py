"""Films and their answers → one self-contained HTML page, by `templates/film_page.html.j2`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from app.names import LABELS
from app.version import package_version
from training.reports.film_cards import Card, Cards, FilmPage
from training.reports.html_templates import open_html_templates
from training.reports.thumbnails import Thumbnail, make_thumbnails

if TYPE_CHECKING:
    from training.reports.predictions import Predictions

_SIDE = 160
_MISTAKE_SIDE = 320
"""Longest sides of thumbnails in pixels."""


def render_film_page(page: FilmPage) -> str:
    """Return the page as HTML that refers to nothing outside; thumbnails are made of the films on the disk."""
    text = (
        open_html_templates()
        .get_template("film_page.html.j2")
        .render(
            page=page,
            drawn=None if page.performance is None else _draw(page.performance.predictions),
            with_thumbnails=_with_thumbnails,
            LABELS=LABELS,
            SIDES={"sheet": _SIDE, "mistakes": _MISTAKE_SIDE},
            VERSION=package_version(),
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        )
    )
    return text.strip() + "\n"


def _draw(predictions: Predictions) -> dict[str, Any]:
    """Return the plots, the operating points' marks in them, and the rows of the table of metrics."""
    from training.evaluation.assessment_text import metric_rows
    from training.reports.site_plots import MARKS, plot_reliability, plot_roc

    points = predictions.metrics.values()
    return {
        "roc": plot_roc(predictions.labels, predictions.scores, points),
        "reliability": plot_reliability(predictions.labels, predictions.probabilities),
        "marks": [MARKS[number % len(MARKS)][0] for number in range(len(points))],
        "rows": list(zip(*map(metric_rows, points), strict=True)),
    }


def _with_thumbnails(cards: Cards, side: int) -> list[tuple[Card, Thumbnail]]:
    thumbnails = make_thumbnails([card.file for card in cards.shown], side)
    return list(zip(cards.shown, thumbnails, strict=True))
