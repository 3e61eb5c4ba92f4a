"""The audit of a model: shortcut features, robustness to perturbations, and what it relies on."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import PneumoServeError
from app.names import LABELS
from training.audit.copies import Copies, compare_copies
from training.audit.corruptions import AXES, IN_CRITERION, MARKERS, MASKS, Axis
from training.audit.robustness import (
    LARGEST_CHANGE,
    SHOWN_METRICS,
    Change,
    Logits,
    PerturbedMetrics,
    RobustnessCriterion,
    check_criterion,
    measure_perturbed,
)
from training.audit.shortcuts import Baseline, measure_shortcuts
from training.augmentation.perturbations import UNPERTURBED, Perturbation
from training.augmentation.style import StyleBank
from training.data.films import SOURCE_SIDE, Films, input_size, read_film_files
from training.evaluation.assessment import predict
from training.evaluation.evaluation import Evaluation
from training.evaluation.logits import compute_logits_here, progress_bar
from training.evaluation.metrics import Metric, binary_metrics

STYLE_TRANSFERS: dict[str, dict[str, Any]] = {
    "style of either class": {},
    "amplitude spectrum of the other class": {"is_other": True, "histogram": 0.0},
    "gray-level histogram of the other class": {"is_other": True, "amplitude": 0.0},
    "style of the other class": {"is_other": True},
}
"""Name → whose style every film takes, and which part."""


@dataclass(frozen=True)
class Audit:
    """All that was measured; `unperturbed` has intervals, `axes` follow `AXES`."""

    evaluation: Evaluation
    fingerprint: str
    films: dict[str, int]
    unperturbed: dict[str, Metric]
    baselines: list[Baseline]
    axes: list[tuple[Axis, list[PerturbedMetrics]]]
    styles: list[PerturbedMetrics]
    markers: list[PerturbedMetrics]
    masks: list[PerturbedMetrics]
    criterion: RobustnessCriterion
    copies: Copies | None

    @property
    def data(self) -> str:
        """The films in words."""
        return self.evaluation.films_in_words

    def to_json(self) -> dict[str, Any]:
        """Return the metrics for `audit.json`."""
        of = self.evaluation
        return {
            "model": of.entry.label,
            "model_sha256": of.entry.manifest.sha256.model_keras,
            "data": self.data,
            "data_fingerprint": self.fingerprint,
            "films": self.films,
            "patients": len(np.unique(of.grouping.groups)),
            "grouping": of.grouping.rule,
            "operating_point": {"name": of.point, "threshold": of.threshold},
            "unperturbed": {name: self.unperturbed[name].to_json() for name in SHOWN_METRICS},
            "baselines": [baseline.to_json() for baseline in self.baselines],
            "axes": [
                {"name": axis.name, "unperturbed": axis.unperturbed, "perturbed": [_round(each) for each in metrics]}
                for axis, metrics in self.axes
            ],
            "styles": [_round(each) for each in self.styles],
            "markers": [_round(each) for each in self.markers],
            "masks": [_round(each) for each in self.masks],
            "robustness_criterion": {
                "largest_change_allowed": LARGEST_CHANGE,
                "over": list(IN_CRITERION),
                "is_met": self.criterion.is_met,
                "worst": [{**_round(change), "by": round(change.by, 6)} for change in self.criterion.worst],
            },
            "copies": self.copies.to_json() if self.copies else None,
        }


def audit(evaluation: Evaluation, copies: Path | None) -> Audit:
    """Compute everything that `Audit` holds.

    Films are read again at `SOURCE_SIDE` pixels, perturbed there, and shrunk to the model's size; so are the
    unperturbed films that they are compared with.

    Args:
        evaluation: the model, and films of both classes.
        copies: a folder with the same films in another form, to be compared.

    Raises:
        PneumoServeError: a class has no films, or there are no copies.
    """
    console, groups = evaluation.console, evaluation.grouping.groups
    size = input_size(evaluation.entry.manifest.input, SOURCE_SIDE)
    films = read_film_files(evaluation.folder, evaluation.films.paths, **size, console=console)
    if 0 in films.count().values():
        raise PneumoServeError(f"Expected films of both classes for an audit. Received {films.count()}.")
    compared = compare_copies(evaluation, copies) if copies else None
    logits = _compute_all_logits(evaluation, films)
    plain = logits[UNPERTURBED.name]

    def measure(name: str, found: Logits, amount: float | None = None) -> PerturbedMetrics:
        return measure_perturbed(name, films.labels, found, evaluation.threshold, amount)

    axes = [(axis, [measure(step.name, logits[step.name], amount) for amount, step in axis.steps]) for axis in AXES]
    perturbed = [metrics for _, steps in axes for metrics in steps]
    return Audit(
        evaluation=evaluation,
        fingerprint=films.fingerprint(),
        films=films.count(),
        unperturbed=binary_metrics(films.labels, plain, predict(plain, evaluation.threshold), groups),
        baselines=measure_shortcuts(films, groups),
        axes=axes,
        styles=[measure(name, logits[name]) for name in STYLE_TRANSFERS],
        markers=[
            measure(f"{marker.name}, {label}", np.where(films.labels == number, logits[marker.name], plain))
            for marker in MARKERS
            for number, label in enumerate(LABELS)
        ],
        masks=[measure(mask.name, logits[mask.name]) for mask in MASKS],
        criterion=check_criterion(measure(UNPERTURBED.name, plain), perturbed),
        copies=compared,
    )


def _compute_all_logits(evaluation: Evaluation, films: Films) -> dict[str, Logits]:
    """Compute the logits of all films under every perturbation and style transfer, by name."""
    spec = evaluation.entry.manifest.input
    bank = StyleBank(films.pixels, films.labels)

    def perturb(way: Perturbation | str) -> NDArray[np.uint8]:
        if isinstance(way, Perturbation):
            return way.apply(films.pixels, width=spec.width, height=spec.height)
        settings = dict(STYLE_TRANSFERS[way])
        classes = 1 - films.labels if settings.pop("is_other", False) else None
        styled = bank.transfer(films.pixels, 0, classes=classes, **settings)
        return UNPERTURBED.apply(styled, width=spec.width, height=spec.height)

    steps = (step for axis in AXES for _, step in axis.steps)
    ways: list[Perturbation | str] = [UNPERTURBED, *steps, *MARKERS, *MASKS, *STYLE_TRANSFERS]
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress_bar(evaluation.console) as progress:
        found = pool.map(lambda way: compute_logits_here(evaluation.engine, perturb(way)), ways)
        logits = list(progress.track(found, len(ways), description="Predicting perturbed films"))
    names = [way.name if isinstance(way, Perturbation) else way for way in ways]
    return dict(zip(names, logits, strict=True))


def _round(measured: PerturbedMetrics | Change) -> dict[str, Any]:
    values = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(measured).items()}
    return {key: value for key, value in values.items() if value is not None}
