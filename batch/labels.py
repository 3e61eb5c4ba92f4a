"""The true class from the folder's name, and the metrics against it."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath

from batch.paths import Film
from batch.results import Row

_LABELS = ("NORMAL", "PNEUMONIA")


class Labelled:
    """Collects rows beside their true class, then answers the metrics as lines of text."""

    def __init__(self) -> None:
        self._films: list[str] = []
        self._labels: list[int] = []
        self._probabilities: list[float] = []
        self._predicted: list[bool] = []
        self._excluded: Counter[str] = Counter()

    def add(self, film: Film, row: Row) -> None:
        """Take one film's row; what failed or has no label is counted as excluded."""
        label = label_of(film)
        if label is None:
            self._excluded["in no folder named NORMAL or PNEUMONIA"] += 1
        elif row.error is not None or row.probability is None:
            self._excluded["failed"] += 1
        else:
            self._films.append(f"{label}/{PurePath(film.key).name}")
            self._labels.append(_LABELS.index(label))
            self._probabilities.append(row.probability)
            self._predicted.append(row.predicted == "PNEUMONIA")

    def report(self) -> list[str]:
        """Compute the metrics with 95 % intervals by patient, as `pneumoserve evaluate` does."""
        sick = sum(self._labels)
        lines = [f"{len(self._labels)} labelled films: {len(self._labels) - sick} NORMAL, {sick} PNEUMONIA."]
        lines += [f"Excluded: {count}, {why}." for why, count in self._excluded.items()]
        if not self._labels:
            return lines
        import numpy as np

        from training.metrics import binary_metrics
        from training.patients import group_by_patient

        grouping = group_by_patient(tuple(self._films))
        metrics = binary_metrics(
            np.array(self._labels), np.array(self._probabilities), np.array(self._predicted), grouping.groups
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


def label_of(film: Film) -> str | None:
    """Return NORMAL or PNEUMONIA where the film's folder is named so, in any case."""
    name = PurePath(film.key).parent.name.upper()
    return name if name in _LABELS else None
