"""The audit of a model: what its films give away, how far it sways when they are altered, and on what it leans."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.errors import PneumoServeError
from app.inference.artifact import Entry
from app.inference.engine import Engine
from app.names import LABELS
from training.audit.copies import Copies, compare_copies
from training.audit.corruptions import AXES, IN_CRITERION, MARKERS, MASKS, Axis
from training.audit.robustness import (
    FIGURES,
    LARGEST_CHANGE,
    Change,
    Logits,
    PerturbedMetrics,
    RobustnessCriterion,
    check_criterion,
    measure_perturbed,
)
from training.audit.shortcuts import Baseline, measure_shortcuts
from training.augmentation.perturbations import Perturbation
from training.augmentation.style import StyleBank
from training.data.films import SOURCE_SIDE, Films, read_film_files
from training.data.patients import Grouping
from training.evaluation.logits import compute_logits_here, progress_bar
from training.evaluation.metrics import Metric, binary_metrics

UNPERTURBED = Perturbation("unaltered", lambda film, _rng: film)
"""What the others are compared with: read at `SOURCE_SIDE` and shrunk, as they are."""

STYLE_TRANSFERS: dict[str, dict[str, Any]] = {
    "look of either class": {},
    "detail of the other class": {"is_other": True, "histogram": 0.0},
    "tones of the other class": {"is_other": True, "amplitude": 0.0},
    "look of the other class": {"is_other": True},
}
"""Name of a view → which look every film borrows there, and what of it."""


@dataclass(frozen=True)
class Subject:
    """What is audited, and on which films.

    Attributes:
        entry: of the model store.
        engine: of that entry.
        point: the operating point at which classes are given.
        data: the films in words.
        folder: which they lie in, one sub-folder a class.
        paths: `<label>/<file name>` of each.
        patients: of each.
    """

    entry: Entry
    engine: Engine
    point: str
    data: str
    folder: Path
    paths: tuple[str, ...]
    patients: Grouping

    @property
    def threshold(self) -> float:
        """The operating point, as a logit."""
        return self.entry.manifest.operating_points[self.point]


@dataclass(frozen=True)
class Audit:
    """All that was measured; `unaltered` has intervals, `views` come in the order of `AXES`."""

    subject: Subject
    fingerprint: str
    films: dict[str, int]
    unaltered: dict[str, Metric]
    baselines: list[Baseline]
    views: list[tuple[Axis, list[PerturbedMetrics]]]
    looks: list[PerturbedMetrics]
    markers: list[PerturbedMetrics]
    masks: list[PerturbedMetrics]
    promise: RobustnessCriterion
    copies: Copies | None

    def to_json(self) -> dict[str, Any]:
        """Answer the figures for `audit.json`."""
        subject, manifest = self.subject, self.subject.entry.manifest
        return {
            "model": subject.entry.label,
            "model_sha256": manifest.sha256.model_keras,
            "data": subject.data,
            "data_fingerprint": self.fingerprint,
            "films": self.films,
            "patients": len(np.unique(subject.patients.groups)),
            "grouping": subject.patients.rule,
            "operating_point": {"name": subject.point, "threshold": subject.threshold},
            "unaltered": {name: self.unaltered[name].to_json() for name in FIGURES},
            "baselines": [baseline.to_json() for baseline in self.baselines],
            "axes": [
                {"name": axis.name, "unaltered": axis.unaltered, "views": [_round(view) for view in views]}
                for axis, views in self.views
            ],
            "looks": [_round(view) for view in self.looks],
            "markers": [_round(view) for view in self.markers],
            "masks": [_round(view) for view in self.masks],
            "promise": {
                "largest_move_allowed": LARGEST_CHANGE,
                "over": list(IN_CRITERION),
                "is_kept": self.promise.is_kept,
                "worst": [{**_round(move), "by": round(move.by, 6)} for move in self.promise.worst],
            },
            "copies": self.copies.to_json() if self.copies else None,
        }


def audit(subject: Subject, copies: Path | None, console: Console) -> Audit:
    """Measure everything that `Audit` holds.

    Films are read at `SOURCE_SIDE` pixels, altered there, and shrunk to the model's size; what altered films are
    compared with went the same way unaltered.

    Args:
        subject: what is audited.
        copies: a folder with the same films in another form, to be compared with these; None: no comparison.
        console: where the progress bars go.

    Raises:
        PneumoServeError: there are not films of both classes, or no copies.
    """
    films = read_film_files(subject.folder, subject.paths, width=SOURCE_SIDE, height=SOURCE_SIDE, console=console)
    if 0 in films.count().values():
        raise PneumoServeError(f"Expected films of both classes for an audit. Received {films.count()}.")
    compared = (
        compare_copies(
            subject.folder, copies, subject.paths, subject.entry.manifest, subject.engine, subject.point, console
        )
        if copies
        else None
    )
    logits = _look(subject, films, console)
    plain = logits[UNPERTURBED.name]
    said = plain >= subject.threshold
    unaltered = binary_metrics(films.labels, plain, said, subject.patients.groups)

    def see(name: str, seen: Logits, amount: float | None = None) -> PerturbedMetrics:
        return measure_perturbed(name, films.labels, seen, subject.threshold, amount)

    views = [
        (axis, [see(alteration.name, logits[alteration.name], amount) for amount, alteration in axis.steps])
        for axis in AXES
    ]
    return Audit(
        subject=subject,
        fingerprint=films.fingerprint(),
        films=films.count(),
        unaltered=unaltered,
        baselines=measure_shortcuts(films, subject.patients.groups),
        views=views,
        looks=[see(name, logits[name]) for name in STYLE_TRANSFERS],
        markers=[
            see(f"{marker.name}, {label}", np.where(films.labels == number, logits[marker.name], plain))
            for marker in MARKERS
            for number, label in enumerate(LABELS)
        ],
        masks=[see(mask.name, logits[mask.name]) for mask in MASKS],
        promise=check_criterion(see(UNPERTURBED.name, plain), [view for _, seen in views for view in seen]),
        copies=compared,
    )


def _look(subject: Subject, films: Films, console: Console) -> dict[str, Logits]:
    """Answer the logits of all films in every view, by its name."""
    spec = subject.entry.manifest.input
    styles = StyleBank(films.pixels, films.labels)

    def alter(view: Perturbation | str) -> NDArray[np.uint8]:
        if isinstance(view, Perturbation):
            return view.apply(films.pixels, width=spec.width, height=spec.height)
        wanted = dict(STYLE_TRANSFERS[view])
        classes = 1 - films.labels if wanted.pop("is_other", False) else None
        return UNPERTURBED.apply(
            styles.transfer(films.pixels, 0, classes=classes, **wanted), width=spec.width, height=spec.height
        )

    steps = (alteration for axis in AXES for _, alteration in axis.steps)
    views: list[Perturbation | str] = [UNPERTURBED, *steps, *MARKERS, *MASKS, *STYLE_TRANSFERS]
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress_bar(console) as progress:
        seen = pool.map(lambda view: compute_logits_here(subject.engine, alter(view)), views)
        logits = list(progress.track(seen, len(views), description="Looking at altered films"))
    names = [view.name if isinstance(view, Perturbation) else view for view in views]
    return dict(zip(names, logits, strict=True))


def _round(measured: PerturbedMetrics | Change) -> dict[str, Any]:
    figures = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(measured).items()}
    return {key: value for key, value in figures.items() if value is not None}
