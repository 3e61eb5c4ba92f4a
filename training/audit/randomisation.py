"""Cascading weight randomisation (Adebayo et al. 2018, "Sanity Checks for Saliency Maps").

A map that explains what a network learnt must change when the network forgets it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from app.inference.keras_graph import NetworkWithMaps
from app.inference.manifest import MapsSpec
from training.audit.explanations_record import CascadeStep, Randomisation
from training.audit.map_similarity import rank_correlations, structural_similarities
from training.evaluation.means import measure_mean

LARGEST_ALLOWED = 0.3
"""Mean absolute rank correlation and SSIM of a randomised network's maps have to be below it."""

DRAWS = 8
"""Random networks."""

_BATCH = 16
Floats = NDArray[np.float64]


def measure_randomisation(
    path: Path, maps: MapsSpec, films: NDArray[np.uint8], groups: NDArray[np.int64], progress: Progress
) -> Randomisation:
    """Randomise a network layer by layer, from `logit` to the first convolution, and compare its maps.

    A step gives one layer with a kernel, and its batch normalisation, the weights of a network before training: every
    layer's own initializer draws them. What is not trained, as a fixed blur, stays.

    Args:
        path: a saved Keras model.
        maps: with an exact `cam`.
        films: uint8 (films, height, width).
        groups: their patients.
        progress: shows the steps.
    """
    network = keras.saving.load_model(path, compile=False)
    trained = network.get_weights()
    with_map = NetworkWithMaps(network, MapsSpec(cam=maps.cam))
    steps = list_steps(network)
    original = _compute(with_map, films)
    found = np.empty((2, len(steps), DRAWS, len(films)), np.float64)
    task = progress.add_task("Randomising layers", total=DRAWS * len(steps))
    for draw in range(DRAWS):
        network.set_weights(trained)
        for step, _ in enumerate(randomise(network, steps, seed=draw)):
            randomised = _compute(with_map, films)
            found[0, step, draw] = rank_correlations(original, randomised)
            found[1, step, draw] = structural_similarities(original, randomised)
            progress.advance(task)
    described = [_describe(names, found[0, step], found[1, step], groups) for step, names in enumerate(steps)]
    return Randomisation(films=len(films), draws=DRAWS, largest_allowed=LARGEST_ALLOWED, steps=described)


def list_steps(network: Any) -> list[list[str]]:
    """Return the names of a network's trained layers from the top, each kernel with the normalisation after it."""
    steps: list[list[str]] = [[]]
    for layer in reversed(network.layers):
        if layer.trainable_weights:
            steps[-1].append(layer.name)
            if hasattr(layer, "kernel"):
                steps.append([])
    return [step for step in steps if step]


def randomise(network: Any, steps: list[list[str]], seed: int) -> Iterator[None]:
    """Give the layers of each step the weights of a network before training, in place; yield after each step."""
    keras.utils.set_random_seed(seed)
    untrained = keras.models.clone_model(network)
    for step in steps:
        for name in step:
            network.get_layer(name).set_weights(untrained.get_layer(name).get_weights())
        yield


def _compute(with_map: NetworkWithMaps, films: NDArray[np.uint8]) -> NDArray[np.float32]:
    given = films[..., np.newaxis].astype(np.float32)
    cam: NDArray[np.float32] = with_map.predict(given, batch_size=_BATCH, verbose=0)[1]
    return cam


def _describe(layers: list[str], correlations: Floats, ssim: Floats, groups: NDArray[np.int64]) -> CascadeStep:
    """Describe a step, of values (draws, films)."""
    means = {
        "rank_correlation": measure_mean(correlations, groups),
        "ssim": measure_mean(ssim, groups),
        "absolute_rank_correlation": measure_mean(np.abs(correlations), groups),
        "absolute_ssim": measure_mean(np.abs(ssim), groups),
    }
    is_below = max(np.abs(correlations).mean(), np.abs(ssim).mean()) < LARGEST_ALLOWED
    estimates = {name: mean.to_record() for name, mean in means.items()}
    return CascadeStep(layers=layers, is_below=bool(is_below), **estimates)
