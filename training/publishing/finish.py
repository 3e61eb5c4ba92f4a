"""A trained network → one complete model_store entry, written aside, verified by loading, then renamed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.imaging.preprocess import shrink
from app.inference.artifact_writer import finish_entry, staged_entry
from app.inference.engine import Engine
from app.inference.engines import open_engine
from app.inference.gate import GATE_FILE, Gate
from app.inference.gate_record import SourceMetrics
from app.inference.manifest import ManifestDraft
from app.inference.metrics_record import Metrics, TestEvaluation
from training.data.dataset import Dataset
from training.data.films import Films
from training.data.patients import Grouping
from training.data.sources import SourceFilms
from training.evaluation.abstention import WANTED_ACCURACY
from training.evaluation.assessment_files import write_report
from training.evaluation.assessment_text import write_text
from training.evaluation.by_source import measure_by_source
from training.evaluation.decision_rule import DecisionRule, fit_decision_rule
from training.evaluation.drift import write_validation_scores
from training.evaluation.performance import Performance, measure_performance
from training.evaluation.perturbation_plots import write_perturbation_plots
from training.evaluation.perturbed_sets import compute_perturbed_sets
from training.evaluation.plots import write_learning_curves
from training.fitting.fit import Fitted
from training.networks.recipes import Recipe
from training.publishing.engine_agreement import compare_engines, compute_logits
from training.publishing.gate import GateFilms, make_gate, measure_features
from training.publishing.golden import draw_golden_films
from training.publishing.run_record import record_training
from training.publishing.serving_form import export_serving, round_weights, save_network
from training.reports.card import write_card
from training.reports.licence import write_licence

Compute = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class HeldOutTest:
    """Films of the held-out test evaluation, after which nothing is chosen.

    `films` are at the network's size; `source` are the same at `films.SOURCE_SIDE`, to be perturbed.
    """

    data: str
    films: Films
    patients: Grouping
    source: Films | None = None


@dataclass(frozen=True)
class FinishFilms:
    """The films that a trained network is finished with; nothing is chosen on those of a held-out test evaluation.

    Attributes:
        dataset: with validation films at the network's size, as the service reads them.
        source: validation films at `films.SOURCE_SIDE`, to be perturbed; None: unperturbed sets alone.
        gate: films that the gate is made of; None: the entry has none.
        test: of the held-out test evaluation.
        test_sources: likewise, of further sources, at `films.SOURCE_SIDE`.
    """

    dataset: Dataset
    source: Films | None
    gate: GateFilms | None
    test: HeldOutTest | None
    test_sources: SourceFilms | None


def finish(
    fitted: Fitted, recipe: Recipe, films: FinishFilms, *, name: str, store: Path, command: str, console: Console
) -> Path:
    """Choose calibration, operating points and abstention band; write the entry with plots and card, return its folder.

    All metrics are of the rounded weights, as saved.

    Args:
        fitted: the trained network.
        recipe: of its training.
        films: see `FinishFilms`.
        name: of the entry.
        store: receives it.
        command: of this training.
        console: for metrics.

    Raises:
        ArtifactRefused: the entry does not load, or the engines disagree on validation films.
    """
    round_weights(fitted.model)
    # One model for all sets: Keras traces each anew.
    network = partial(compute_logits, keras.Model(fitted.model.inputs, fitted.model.get_layer("logit").output))
    dataset, validation_films = films.dataset, films.dataset.validation
    sets = compute_perturbed_sets(network, validation_films, films.source, dataset.validation_patients)
    calibration, rule, evidence = fit_decision_rule(recipe, sets, float(np.mean(dataset.training.labels)))
    validation = measure_performance(sets, rule)
    with staged_entry(store, name) as staged:
        save_network(fitted.model, staged.folder / "model.keras")
        maps = export_serving(fitted.model, staged.folder / "serving", has_gate=films.gate is not None)
        engines = compare_engines(staged.folder, maps, validation_films, validation)
        engine = open_engine("openvino", staged.folder, maps)
        gate, gate_metrics = None, None
        if films.gate is not None:
            console.print("Fitting the gate.")
            gate, gate_metrics = make_gate(engine, films.gate, recipe.input, fitted.settings["seed"])
            gate.reference.save(staged.folder / GATE_FILE)
        tested = _test(films.test, network, rule) if films.test is not None else None
        metrics = Metrics(
            validation=validation.to_record(),
            chosen=evidence,
            test=[_record_test(films.test, tested)] if films.test is not None and tested is not None else [],
            engines=engines,
            **({"gate": gate_metrics} if gate_metrics is not None else {}),
            **_measure_sources(films, recipe, engine, rule, gate),
        )
        draft = ManifestDraft(
            keras_version=keras.__version__,
            input=recipe.input,
            calibration=calibration,
            operating_points=rule.operating_points,
            default_operating_point=recipe.default_operating_point,
            refer_band=rule.refer_band,
            maps=maps,
            gate=gate.spec if gate is not None else None,
            training_data=dataset.facts,
            training=record_training(fitted, recipe, command),
            metrics=metrics,
            intended_use=recipe.intended_use,
            notices=list(recipe.notices),
            ages=recipe.ages,
        )
        finish_entry(staged, draft, draw_golden_films(recipe.height, recipe.width))
        label = f"{name}/{staged.version}"
        write_validation_scores(
            staged.folder, sets.logits[0], validation_films.labels, dataset.validation_patients.groups
        )
        write_learning_curves(fitted.history, staged.folder, is_blended=recipe.is_blended)
        _write_reports(validation, staged.folder, f"{label}, validation films", "validation_")
        if tested is not None and films.test is not None:
            _write_reports(tested, staged.folder, f"{label}, held-out test evaluation on {films.test.data}", "test_")
        write_licence(staged.folder, dataset.facts)
        write_card(staged.folder)
        folder = store / name / staged.version
    console.print(write_text(validation.unperturbed, f"{label}, validation films"), markup=False, highlight=False)
    if recipe.abstains and rule.refer_band is None:
        console.print(f"No band leaves {WANTED_ACCURACY:.0%} accuracy: this model refers no film.")
    console.print(f"Wrote {folder}.", highlight=False)
    return folder


def _test(test: HeldOutTest, network: Compute, rule: DecisionRule) -> Performance:
    return measure_performance(compute_perturbed_sets(network, test.films, test.source, test.patients), rule)


def _measure_sources(
    films: FinishFilms, recipe: Recipe, engine: Engine, rule: DecisionRule, gate: Gate | None
) -> dict[str, list[SourceMetrics]]:
    """Return the metrics of further sources, by their field of `Metrics`."""
    measured = {}
    for field, part in (("sources", films.dataset.source_validation), ("test_sources", films.test_sources)):
        if part is None:
            continue
        pixels = np.stack([shrink(film, width=recipe.width, height=recipe.height) for film in part.films.pixels])
        logits = np.concatenate([engine.logits(pixels[start : start + 32]) for start in range(0, len(pixels), 32)])
        assessed = None
        if gate is not None:
            means = measure_features(engine, pixels)
            assessed = [gate.assess(film, features) for film, features in zip(pixels, means, strict=True)]
        measured[field] = measure_by_source(part.rows, logits, rule.operating_points, assessed)
    return measured


def _record_test(test: HeldOutTest, tested: Performance) -> TestEvaluation:
    record = tested.to_record()
    parts = {name: getattr(record, name) for name in record.model_fields_set}
    return TestEvaluation(data=test.data, unreadable=len(test.films.unreadable), **parts)


def _write_reports(measured: Performance, folder: Path, title: str, prefix: str) -> None:
    write_report(measured.unperturbed, folder, title, prefix)
    write_perturbation_plots(measured, folder, title, prefix)
