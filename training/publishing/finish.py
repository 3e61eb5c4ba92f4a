"""A trained network → one complete model_store entry, written aside, verified by reloading, then renamed."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.errors import ArtifactRefused
from app.imaging.preprocess import RESIZE_RULE
from app.inference.artifact import find_entry, list_entries
from app.inference.artifact_writer import finish_entry, staged_entry
from app.inference.engines import open_engine
from app.inference.manifest import InputSpec, ManifestDraft, MapsSpec
from app.inference.training_record import Training
from training.data.dataset import Dataset
from training.data.films import Films
from training.data.patients import Grouping
from training.evaluation.abstention import WANTED_ACCURACY
from training.evaluation.assessment_files import write_report
from training.evaluation.assessment_text import write_text
from training.evaluation.decision_rule import fit_decision_rule
from training.evaluation.drift import write_validation_scores
from training.evaluation.performance import Performance, measure_performance
from training.evaluation.perturbation_plots import write_perturbation_plots
from training.evaluation.perturbed_sets import compute_perturbed_sets
from training.evaluation.plots import write_learning_curves
from training.fitting.fit import Fitted
from training.networks.recipes import Recipe
from training.publishing.golden import draw_golden_films
from training.publishing.serving_form import export_serving, round_weights, save_network
from training.reports.card import write_card

ENGINE_TOLERANCE = 1e-3
"""Largest difference in probability that the two engines may show on a validation film."""


@dataclass(frozen=True)
class HeldOutTest:
    """Films of the held-out test evaluation, after which nothing is chosen.

    `films` are of the network's size, `source` the same at `films.SOURCE_SIDE`, None: they are not altered.
    """

    data: str
    films: Films
    patients: Grouping
    source: Films | None = None


def finish(
    fitted: Fitted,
    recipe: Recipe,
    dataset: Dataset,
    *,
    source: Films | None,
    name: str,
    store: Path,
    command: str,
    test: HeldOutTest | None,
    console: Console,
) -> Path:
    """Choose calibration, operating points and refer band, measure, and write the entry with its plots and card.

    Every figure is of the rounded weights, which are the ones that are saved.

    Args:
        fitted: the trained network.
        recipe: what it was trained by.
        dataset: its validation films are of the network's size, as the service reads them.
        source: the validation films at `films.SOURCE_SIDE`, to be altered; None: they are seen as sent alone.
        name: of the entry.
        store: that receives it.
        command: that asks for this training.
        test: films to look at once, when everything is chosen.
        console: is told the figures.

    Returns:
        the folder of the new entry.

    Raises:
        ArtifactRefused: the entry does not load, or its two engines disagree on the validation films.
    """
    round_weights(fitted.model)
    # One model for all views: Keras traces each anew.
    network = partial(compute_logits, keras.Model(fitted.model.inputs, fitted.model.get_layer("logit").output))
    films = dataset.validation
    views = compute_perturbed_sets(network, films, source, dataset.validation_patients)
    calibration, chosen, evidence = fit_decision_rule(recipe, views, float(np.mean(dataset.training.labels)))
    validation = measure_performance(views, chosen)
    metrics: dict[str, Any] = {
        "validation": validation.to_json(),
        "chosen": evidence,
        "test": [],
    }
    with staged_entry(store, name) as staged:
        save_network(fitted.model, staged.folder / "model.keras")
        maps = export_serving(fitted.model, staged.folder / "serving")
        metrics["engines"] = _compare_engines(staged.folder, maps, films, validation)
        tested = None
        if test is not None:
            tested = measure_performance(
                compute_perturbed_sets(network, test.films, test.source, test.patients), chosen
            )
            metrics["test"] = [{"data": test.data, "unreadable": len(test.films.unreadable), **tested.to_json()}]
        draft = ManifestDraft(
            keras_version=keras.__version__,
            input=InputSpec(width=recipe.width, height=recipe.height, resize=RESIZE_RULE),
            calibration=calibration,
            operating_points=chosen.operating_points,
            default_operating_point=recipe.default_operating_point,
            refer_band=chosen.refer_band,
            maps=maps,
            training_data=dataset.facts,
            training=_describe_training(fitted, recipe, command),
            metrics=metrics,
            intended_use=recipe.intended_use,
            notices=list(recipe.notices),
        )
        finish_entry(staged, draft, draw_golden_films(recipe.height, recipe.width))
        label = f"{name}/{staged.version}"
        write_validation_scores(staged.folder, views.logits[0], films.labels, dataset.validation_patients.groups)
        write_learning_curves(fitted.history, staged.folder, is_blended=recipe.is_blended)
        _write_reports(validation, staged.folder, f"{label}, validation films", "validation_")
        if tested is not None and test is not None:
            _write_reports(tested, staged.folder, f"{label}, one look at {test.data}", "test_")
        write_card(staged.folder)
        folder = store / name / staged.version
    console.print(write_text(validation.unperturbed, f"{label}, validation films"), markup=False, highlight=False)
    if recipe.abstains and chosen.refer_band is None:
        console.print(f"No band leaves {WANTED_ACCURACY:.0%} accuracy: this model refers no film.")
    console.print(f"Wrote {folder}.", highlight=False)
    return folder


def find_finished(fitted: Fitted, store: Path, name: str, command: str) -> Path | None:
    """Answer the folder of the entry that this very training has already become; None where it has not."""
    for label in list_entries(store):
        if label.startswith(f"{name}/"):
            entry = find_entry(store, label)
            training = entry.manifest.training
            if not isinstance(training, Training) or training.command != command:
                continue
            if [epoch.model_dump() for epoch in training.history] == _describe_history(fitted):
                return entry.folder
    return None


def compute_logits(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Answer the logits, float32 (films,), of uint8 films (films, height, width), by a network that ends there."""
    chunks = [pixels[start : start + 64] for start in range(0, len(pixels), 64)]
    answers = [network.predict_on_batch(chunk[..., np.newaxis].astype(np.float32)) for chunk in chunks]
    logits: NDArray[np.float32] = np.concatenate(answers).reshape(-1).astype(np.float32)
    return logits


def _write_reports(measured: Performance, folder: Path, title: str, prefix: str) -> None:
    write_report(measured.unperturbed, folder, title, prefix)
    write_perturbation_plots(measured, folder, title, prefix)


def _compare_engines(folder: Path, maps: MapsSpec, films: Films, validation: Performance) -> dict[str, Any]:
    engine = open_engine("openvino", folder, maps)
    chunks = [films.pixels[start : start + 32] for start in range(0, len(films), 32)]
    logits = np.concatenate([engine.logits(chunk) for chunk in chunks]).astype(np.float64)
    probabilities = np.array([validation.rule.calibrate(logit) for logit in logits.tolist()])
    difference = float(np.max(np.abs(probabilities - validation.unperturbed.probabilities)))
    changed = sum(
        int(np.sum((logits >= threshold) != validation.unperturbed.predicted(name)))
        for name, threshold in validation.rule.operating_points.items()
    )
    if difference > ENGINE_TOLERANCE or changed:
        raise ArtifactRefused(
            f"Expected OpenVINO within {ENGINE_TOLERANCE} of Keras in probability and no class changed. "
            f"Received {difference:.2g}, {changed} changed, on {len(films)} validation films."
        )
    return {"films": len(films), "largest_probability_difference": difference, "classes_changed": changed}


def _describe_training(fitted: Fitted, recipe: Recipe, command: str) -> dict[str, Any]:
    settings = fitted.settings
    return {
        "command": command,
        "network": recipe.network,
        "source": recipe.source,
        "parameters": int(fitted.model.count_params()),
        "backend": keras.backend.backend(),
        "optimizer": type(fitted.model.optimizer).__name__,
        "loss": "binary_crossentropy",
        **{key: settings[key] for key in ("seed", "epochs", "batch_size", "reduce_lr", "augmentation")},
        **{key: settings[key] for key in ("source_side", "style_transfer", "is_balanced", "mixup", "smoothing")},
        "weights": f"{'the running average ' if fitted.model.optimizer.use_ema else ''}after the last epoch; none was "
        "chosen",
        "machine": _describe_machine(),
        "software": {name: version(name) for name in ("tensorflow", "openvino", "numpy", "opencv-python-headless")},
        "seconds": round(sum(figures["seconds"] for figures in fitted.history)),
        "history": _describe_history(fitted),
    }


def _describe_history(fitted: Fitted) -> list[dict[str, float]]:
    return [{key: round(value, 6) for key, value in figures.items()} for figures in fitted.history]


def _describe_machine() -> str:
    """Answer processor and cores of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
