"""Metrics of films in folders named after classes."""

# ruff: noqa: PTH119, PTH120
# Strings take a tenth of Path's time.

from __future__ import annotations

import importlib.util
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from app.names import LABELS
from batch.errors import NothingNamed, UnusableResult
from batch.paths import Film
from batch.results import Row
from training.data.layout import label_folders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from training.evaluation.metrics import Metric


class _Scored(NamedTuple):
    film: Film
    name: str
    label: str
    probability: float
    is_predicted_positive: bool


@dataclass(frozen=True)
class LabelledMetrics:
    """The films that count, their labels (1: PNEUMONIA), answers and metrics; `intervals` names the groups."""

    films: list[Film]
    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float64]
    predicted: NDArray[np.bool_]
    metrics: dict[str, Metric]
    intervals: str


class LabelledRows:
    """Collects rows with their true class, by `label_folders`."""

    def __init__(self, films: Iterable[Film]) -> None:
        """Find the classes of all films.

        Raises:
            UnusableResult: SciPy is missing.
            NothingNamed: no film has a class.
        """
        if importlib.util.find_spec("scipy") is None:
            raise UnusableResult("--labels needs SciPy for its intervals. Run `make install-train`, or leave it out.")
        self._labels = label_folders({os.path.dirname(film.key) for film in films})
        self._scored: defaultdict[str, list[_Scored]] = defaultdict(list)
        self._excluded: Counter[str] = Counter()
        if not any(self._labels.values()):
            raise NothingNamed(
                "Expected films in folders named NORMAL and PNEUMONIA, for --labels folders. Received none."
            )

    def label_of(self, film: Film) -> str | None:
        """Return a film's true class, if any."""
        return self._labels[os.path.dirname(film.key)]

    def add(self, film: Film, row: Row, sha256: str | None = None) -> None:
        """Add a film's row and hash, unless it failed or has no label."""
        label, name = self.label_of(film), os.path.basename(film.key)
        if label is None:
            self._excluded["in no folder named NORMAL or PNEUMONIA"] += 1
        elif row.error is not None or row.probability is None:
            self._excluded["failed"] += 1
        else:
            scored = _Scored(film, f"{label}/{name}", label, row.probability, row.predicted == "PNEUMONIA")
            self._scored[sha256 or film.key].append(scored)

    def report(self) -> list[str]:
        """Return lines with metrics and 95 % intervals by patient, as `pneumoserve evaluate` does."""
        lines = self.describe_films()
        if self.measured is None:
            return lines
        lines.append(f"95 % bootstrap intervals {self.measured.intervals}.")
        for name, metric in self.measured.metrics.items():
            if metric.value is None:
                lines.append(f"{name:12} {metric.note}")
            elif metric.low is None:
                lines.append(f"{name:12} {metric.value:.3f}  ({metric.note})")
            else:
                lines.append(f"{name:12} {metric.value:.3f}  [{metric.low:.3f}, {metric.high:.3f}]")
        return lines

    def describe_films(self) -> list[str]:
        """Return how many films count, and which do not."""
        films, excluded = self._counted
        positive = sum(film.label == "PNEUMONIA" for film in films)
        counts = f"{len(films)} labelled films: {len(films) - positive} NORMAL, {positive} PNEUMONIA."
        return [counts, *(f"Excluded: {count}, {why}." for why, count in excluded.items() if count)]

    @cached_property
    def measured(self) -> LabelledMetrics | None:
        """The metrics once all rows are added; None: no film counts."""
        films, _ = self._counted
        if not films:
            return None
        import numpy as np

        from training.data.patients import group_by_patient
        from training.evaluation.metrics import binary_metrics

        scored, names, labels, probabilities, predicted = zip(*films, strict=True)
        grouping = group_by_patient(names)
        known = np.array([LABELS.index(label) for label in labels], np.uint8)
        p, called = np.array(probabilities), np.array(predicted)
        metrics = binary_metrics(known, p, called, grouping.groups)
        return LabelledMetrics(list(scored), known, p, called, metrics, grouping.rule)

    @cached_property
    def _counted(self) -> tuple[list[_Scored], Counter[str]]:
        """Byte-identical films count once; in folders of both classes, not at all."""
        films: list[_Scored] = []
        excluded = self._excluded.copy()
        for copies in self._scored.values():
            if len({film.label for film in copies}) > 1:
                excluded["with the same bytes in folders of both classes"] += len(copies)
                continue
            films.append(copies[0])
            excluded["byte-identical copies of films that are counted"] += len(copies) - 1
        return films, excluded
