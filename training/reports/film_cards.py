"""What a page shows of films, however it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a contact sheet needs no metrics
    from training.reports.predictions import Predictions

MOST_FILMS = 2000
MOST_ERRORS = 500
MOST_MISTAKES = 12
"""Cards on a page: answered films, failed films, mistakes of each kind."""


@dataclass(frozen=True)
class Card:
    """A film on the page: its answer, or the error that it failed with.

    Attributes:
        file: where it lies, for its thumbnail; None: it has none.
        name: printed for it.
        label: its true class, where known.
        predicted: its class.
        probability: of PNEUMONIA, 0 to 1.
        refer: marked for a human.
        warnings: their codes.
        error: what went wrong, in short.
        detail: the same in a sentence.
    """

    file: str | None
    name: str
    label: str | None = None
    predicted: str | None = None
    probability: float | None = None
    refer: bool = False
    warnings: Sequence[str] = ()
    error: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Cards:
    """Cards to show, and how many films there are of their kind."""

    shown: Sequence[Card]
    count: int


@dataclass(frozen=True)
class Performance:
    """Predictions on labelled films, in sentences which films these are, and their mistakes."""

    predictions: Predictions
    films: Sequence[str]
    false_alarms: Cards
    missed: Cards


@dataclass(frozen=True)
class FilmPage:
    """What the page shows.

    Attributes:
        title: of the page.
        facts: name → text, at the top.
        performance: on labelled films; None: the page has none.
        errors: films that failed.
        error_counts: error → films.
        sheet: all other films, sorted; None: the page has no contact sheet.
    """

    title: str
    facts: Mapping[str, str]
    performance: Performance | None = None
    errors: Cards = Cards((), 0)
    error_counts: Mapping[str, int] = field(default_factory=dict)
    sheet: Cards | None = None
