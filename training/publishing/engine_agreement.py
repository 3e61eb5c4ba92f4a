"""A network's logits under Keras and under OpenVINO, and that both agree."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from app.inference.engines import open_engine
from app.inference.manifest import MapsSpec
from app.inference.metrics_record import EngineAgreement
from training.data.films import Films
from training.evaluation.performance import Performance

ENGINE_TOLERANCE = 1e-3
"""Largest difference in probability between the engines on a validation film."""


def compute_logits(network: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Compute the logits (films,) of uint8 films (films, height, width) by a network that ends there."""
    chunks = [pixels[start : start + 64] for start in range(0, len(pixels), 64)]
    answers = [network.predict_on_batch(chunk[..., np.newaxis].astype(np.float32)) for chunk in chunks]
    logits: NDArray[np.float32] = np.concatenate(answers).reshape(-1).astype(np.float32)
    return logits


def compare_engines(folder: Path, maps: MapsSpec, films: Films, validation: Performance) -> EngineAgreement:
    """Return how far OpenVINO's answers are from Keras' on validation films.

    Raises:
        ArtifactRefused: further than `ENGINE_TOLERANCE`, or a class changes.
    """
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
    return EngineAgreement(films=len(films), largest_probability_difference=difference, classes_changed=changed)
