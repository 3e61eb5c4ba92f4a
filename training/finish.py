"""A trained network → one complete model_store entry, written aside, verified by reloading, then renamed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.errors import ArtifactRefused
from app.imaging.preprocess import RESIZE_RULE
from app.inference.artifact import finish_entry, staged_entry
from app.inference.engine import open_engine
from app.inference.keras_graph import export_serving, round_weights, save_network
from app.inference.manifest import InputSpec, ManifestDraft, MapsSpec
from training.assess import Assessment, assess
from training.card import write_card
from training.data import Films
from training.dataset import Dataset
from training.fit import Fitted
from training.golden import draw_golden_films
from training.networks import Recipe
from training.operating_points import choose_points
from training.patients import Grouping
from training.report import write_learning_curves, write_report, write_text

ENGINE_TOLERANCE = 1e-3
"""Largest difference in probability that the two engines may show on a validation film."""

INTENDED_USE = (
    "Research and teaching: estimating how likely a frontal chest radiograph shows pneumonia. Not a medical device; "
    "not for diagnosis, triage or any decision about a patient."
)


@dataclass(frozen=True)
class TestLook:
    """Films on which the finished model is looked at once; nothing is chosen there."""

    data: str
    films: Films
    patients: Grouping


def finish(
    fitted: Fitted,
    recipe: Recipe,
    dataset: Dataset,
    *,
    name: str,
    store: Path,
    command: str,
    test: TestLook | None,
    console: Console,
) -> Path:
    """Choose the operating points, measure, and write the entry with its plots and card.

    Every figure is of the rounded weights, which are the ones that are saved.

    Returns:
        the folder of the new entry.

    Raises:
        ArtifactRefused: the entry does not load, or its two engines disagree on the validation films.
    """
    round_weights(fitted.model)
    films = dataset.validation
    logits = compute_logits(fitted.model, films.pixels)
    points = choose_points(recipe.operating_points, films.labels, logits)
    common: dict[str, Any] = {
        "calibrate": sigmoid,
        "operating_points": points,
        "default": recipe.default_operating_point,
    }
    validation = assess(films.labels, logits, dataset.validation_patients, **common)
    metrics: dict[str, Any] = {"validation": validation.to_json(), "test": []}
    with staged_entry(store, name) as staged:
        save_network(fitted.model, staged.folder / "model.keras")
        maps = export_serving(fitted.model, staged.folder / "serving")
        metrics["engines"] = _compare_engines(staged.folder, maps, films, validation)
        tested = None
        if test is not None:
            tested = assess(test.films.labels, compute_logits(fitted.model, test.films.pixels), test.patients, **common)
            metrics["test"] = [{"data": test.data, "unreadable": len(test.films.unreadable), **tested.to_json()}]
        draft = ManifestDraft(
            keras_version=keras.__version__,
            input=InputSpec(width=recipe.width, height=recipe.height, resize=RESIZE_RULE),
            calibration={"method": "identity", "prevalence": float(np.mean(dataset.training.labels))},
            operating_points=points,
            default_operating_point=recipe.default_operating_point,
            maps=maps,
            training_data=dataset.facts,
            training=_describe_training(fitted, recipe, command),
            metrics=metrics,
            intended_use=INTENDED_USE,
        )
        finish_entry(staged, draft, draw_golden_films(recipe.height, recipe.width))
        label = f"{name}/{staged.version}"
        write_learning_curves(fitted.history, staged.folder)
        write_report(validation, staged.folder, f"{label}, validation films", "validation_")
        if tested is not None and test is not None:
            write_report(tested, staged.folder, f"{label}, one look at {test.data}", "test_")
        write_card(staged.folder)
        folder = store / name / staged.version
    console.print(write_text(validation, f"{label}, validation films"), markup=False, highlight=False)
    console.print(f"Wrote {folder}.", highlight=False)
    return folder


def compute_logits(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Answer the Keras network's logits, float32 (films,), of uint8 films (films, height, width)."""
    head = keras.Model(model.inputs, model.get_layer("logit").output)
    chunks = [pixels[start : start + 64] for start in range(0, len(pixels), 64)]
    answers = [head.predict_on_batch(chunk[..., np.newaxis].astype(np.float32)) for chunk in chunks]
    logits: NDArray[np.float32] = np.concatenate(answers).reshape(-1).astype(np.float32)
    return logits


def sigmoid(logit: float) -> float:
    """Answer the probability of a logit: the identity calibration."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))


def _compare_engines(folder: Path, maps: MapsSpec, films: Films, validation: Assessment) -> dict[str, Any]:
    engine = open_engine("openvino", folder, maps)
    chunks = [films.pixels[start : start + 32] for start in range(0, len(films), 32)]
    logits = np.concatenate([engine.logits(chunk) for chunk in chunks])
    probabilities = np.array([sigmoid(logit) for logit in logits.tolist()])
    difference = float(np.max(np.abs(probabilities - validation.probabilities)))
    changed = sum(
        int(np.sum((logits >= threshold) != validation.predicted(name)))
        for name, threshold in validation.operating_points.items()
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
        **{key: settings[key] for key in ("source_side", "is_balanced", "mixup", "smoothing")},
        "weights": "after the last epoch; none was chosen",
        "seconds": round(sum(figures["seconds"] for figures in fitted.history)),
        "history": [{key: round(value, 6) for key, value in figures.items()} for figures in fitted.history],
    }
