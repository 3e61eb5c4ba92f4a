"""A run's rows → the page that `score --html` writes."""

from __future__ import annotations

import heapq
import importlib.util
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from app.errors import InvalidParameter
from batch.errors import UnusableResult
from batch.journal import Journal
from batch.labels import LabelledMetrics, LabelledRows
from batch.paths import Film, printable
from batch.results import Row
from training.data.layout import show_path
from training.reports.film_cards import MOST_ERRORS, MOST_FILMS, MOST_MISTAKES, Card, Cards, FilmPage, Performance
from training.reports.private_page import check_page, describe_page, write_page

_LIBRARIES = ("jinja2", "matplotlib", "sklearn")


class _Shown(NamedTuple):
    film: Film
    row: Row
    label: str | None


class RunPage:
    """Collects a run's rows, in bounded memory: the first failed films, and those of the highest probabilities."""

    def __init__(self, path: Path) -> None:
        """Check that the page can be written.

        Raises:
            UnusableResult: it cannot, or a library is missing.
        """
        if not all(map(importlib.util.find_spec, _LIBRARIES)):
            raise UnusableResult(
                "--html needs Jinja2, Matplotlib and scikit-learn. Run `make install-train`, or leave it out."
            )
        try:
            check_page(path)
        except InvalidParameter as error:
            raise UnusableResult(str(error)) from None
        self._path = path
        self._failed: Counter[str] = Counter()
        self._failures: list[_Shown] = []
        self._highest: list[tuple[float, int, _Shown]] = []
        self._films = self._referred = 0
        self._folders: list[str] | None = None  # that all films lie below, as they were named
        self._warnings: set[str] | None = None

    def add(self, film: Film, row: Row, label: str | None) -> None:
        """Add a film's row, and its true class, if any."""
        self._films += 1
        folders = film.path.split("/")[:-1]
        pairs = zip(folders, folders if self._folders is None else self._folders, strict=False)
        self._folders = [name for name, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        shown = _Shown(film, row, label)
        if row.error is not None or row.probability is None:
            self._failed[row.error or "no answer"] += 1
            if len(self._failures) < MOST_ERRORS:
                self._failures.append(shown)
            return
        self._referred += bool(row.refer)
        self._warnings = set(row.warnings) & (set(row.warnings) if self._warnings is None else self._warnings)
        # Of equal probabilities the first film stands first.
        entry = (row.probability, -self._films, shown)
        if len(self._highest) < MOST_FILMS:
            heapq.heappush(self._highest, entry)
        else:
            heapq.heappushpop(self._highest, entry)

    def write(self, journal: Journal, labelled: LabelledRows | None) -> str:
        """Write the page of all rows added, and return a line that says so.

        Raises:
            OSError: it cannot be written.
        """
        from training.reports.film_page import render_film_page

        run, failed = journal.run, self._failed.total()
        best = [shown for *_, shown in sorted(self._highest, key=lambda entry: entry[:2], reverse=True)]
        threshold = best[0].row.threshold if best else None
        point = "" if threshold is None else f": PNEUMONIA from a probability of {threshold:.6f}"
        facts = {
            "Model": f"{run.model}, sha256 {run.model_sha256}",
            "Operating point": f"{run.operating_point}{point}",
            "Films": f"{self._films}: {self._films - failed} scored, {failed} failed; {self._referred} marked refer",
            "Folder": "/".join(self._folders or ()),
            "Warnings of every answer": ", ".join(sorted(self._warnings or ())),
        }
        measured = labelled.measured if labelled else None
        page = FilmPage(
            title=_show(f"Films scored by {run.model}"),
            facts={name: _show(text) for name, text in facts.items() if text},
            performance=self._perform(measured, labelled.describe_films(), journal) if labelled and measured else None,
            errors=Cards(self._cards(self._failures), failed),
            error_counts={_show(error): count for error, count in sorted(self._failed.items())},
            sheet=Cards(self._cards(best), self._films - failed),
        )
        write_page(self._path, render_film_page(page))
        return describe_page(self._path)

    def _perform(self, measured: LabelledMetrics, films: list[str], journal: Journal) -> Performance:
        from training.reports.predictions import Predictions

        point = str(journal.run.operating_point)
        predictions = Predictions(
            measured.labels,
            measured.probabilities,
            measured.probabilities,
            {point: measured.predicted},
            {point: measured.metrics},
            point,
            measured.intervals,
        )

        def show(indices: Sequence[int], label: str) -> Cards:
            chosen = [measured.films[index] for index in indices[:MOST_MISTAKES]]
            entries = [(film, journal.entry(film.key)) for film in chosen]
            return Cards(self._cards(_Shown(film, entry.row, label) for film, entry in entries if entry), len(indices))

        alarms, missed = predictions.mistakes()
        return Performance(predictions, films, show(alarms.tolist(), "NORMAL"), show(missed.tolist(), "PNEUMONIA"))

    def _cards(self, films: Iterable[_Shown]) -> list[Card]:
        return [
            Card(
                file=film.key,
                name=_show("/".join(film.path.split("/")[len(self._folders or ()) :])),
                label=label,
                predicted=row.predicted and _show(row.predicted),
                probability=row.probability,
                refer=bool(row.refer),
                warnings=[_show(warning) for warning in row.warnings if warning not in (self._warnings or ())],
                error=row.error and _show(row.error),
                detail=row.error_detail and _show(row.error_detail),
            )
            for film, row, label in films
        ]


def _show(text: str) -> str:
    """Return what any page can hold: no undecodable byte, no sign that changes the direction of writing."""
    return show_path(printable(text))
