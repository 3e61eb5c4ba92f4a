"""Metrics of films in folders named after classes."""

# ruff: noqa: PTH120
# Strings take a tenth of Path's time.

from __future__ import annotations

import importlib.util
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from app.names import LABELS
from batch.errors import NothingNamed, UnusableResult
from batch.paths import Film
from batch.results import Row
from training.data.layout import label_folders


class _Scored(NamedTuple):
    name: str
    label: str
    probability: float
    is_predicted_positive: bool


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

    def add(self, film: Film, row: Row, sha256: str | None = None) -> None:
        """Add a film's row and hash, unless it failed or has no label."""
        folder, name = os.path.split(film.key)
        label = self._labels[folder]
        if label is None:
            self._excluded["in no folder named NORMAL or PNEUMONIA"] += 1
        elif row.error is not None or row.probability is None:
            self._excluded["failed"] += 1
        else:
            scored = _Scored(f"{label}/{name}", label, row.probability, row.predicted == "PNEUMONIA")
            self._scored[sha256 or film.key].append(scored)

    def report(self) -> list[str]:
        """Return lines with metrics and 95 % intervals by patient, as `pneumoserve evaluate` does.

        Byte-identical films count once; in folders of both classes, not at all.
        """
        films: list[_Scored] = []
        excluded = self._excluded.copy()
        for copies in self._scored.values():
            if len({film.label for film in copies}) > 1:
                excluded["with the same bytes in folders of both classes"] += len(copies)
                continue
            films.append(copies[0])
            excluded["byte-identical copies of films that are counted"] += len(copies) - 1
        positive = sum(film.label == "PNEUMONIA" for film in films)
        lines = [f"{len(films)} labelled films: {len(films) - positive} NORMAL, {positive} PNEUMONIA."]
        lines += [f"Excluded: {count}, {why}." for why, count in excluded.items() if count]
        if not films:
            return lines
        import numpy as np

        from training.data.patients import group_by_patient
        from training.evaluation.metrics import binary_metrics

        names, labels, probabilities, predicted = zip(*films, strict=True)
        grouping = group_by_patient(names)
        metrics = binary_metrics(
            np.array([LABELS.index(label) for label in labels]),
            np.array(probabilities),
            np.array(predicted),
            grouping.groups,
        )
        lines.append(f"95 % bootstrap intervals {grouping.rule}.")
        for name, metric in metrics.items():
            if metric.value is None:
                lines.append(f"{name:12} {metric.note}")
            elif metric.low is None:
                lines.append(f"{name:12} {metric.value:.3f}  ({metric.note})")
            else:
                lines.append(f"{name:12} {metric.value:.3f}  [{metric.low:.3f}, {metric.high:.3f}]")
        return lines
