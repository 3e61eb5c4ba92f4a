"""Progressive resizing: first epochs on small films, at half the cost, the last at the network's size.

Source: Howard 2018, "Training Imagenet in 3 hours for $25", where images grow during the training. The network is fully
convolutional before its global average, so its weights fit any size.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np

from app.imaging.preprocess import shrink
from training.augmentation.acquisition import AcquisitionAugmentation
from training.data.films import Films
from training.networks.recipes import Recipe


class Phase(NamedTuple):
    """Epochs up to `until`, at `height` × `width` pixels."""

    height: int
    width: int
    until: int


def plan_phases(recipe: Recipe, epochs: int, *, has_sources: bool) -> list[Phase]:
    """Return the phases of a training: one, but where the recipe of several sources begins with small films."""
    whole = Phase(recipe.height, recipe.width, epochs)
    if not has_sources or recipe.sources is None or recipe.sources.small_side is None:
        return [whole]
    side = recipe.sources.small_side
    # The last epoch is at the network's size, whatever the proportion.
    return [Phase(side, side, min(round(epochs * recipe.sources.small_proportion), epochs - 1)), whole]


def resize_network(network: keras.Model, recipe: Recipe, phase: Phase) -> keras.Model:
    """Return a network for the phase's size with all weights and the optimizer's state; the same one where it fits.

    Averaged weights take the place of the last ones, as `model.fit` does at its end.
    """
    if network.input_shape[1:3] == (phase.height, phase.width):
        return network
    before = network.optimizer
    if before.use_ema:
        before.finalize_variable_values(network.trainable_variables)
    resized = recipe.build(phase.height, phase.width)
    resized.set_weights(network.get_weights())
    optimizer = type(before).from_config(before.get_config())
    resized.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    optimizer.build(resized.trainable_variables)
    for variable, value in zip(optimizer.variables, before.variables, strict=True):
        variable.assign(value)
    return resized


def resize_recipe(recipe: Recipe, phase: Phase) -> Recipe:
    """Return the recipe whose augmentation gives films of the phase's size."""
    if not isinstance(recipe.augmentation, AcquisitionAugmentation):
        return recipe
    return replace(recipe, augmentation=replace(recipe.augmentation, width=phase.width, height=phase.height))


def resize_films(films: Films, phase: Phase) -> Films:
    """Return films of the network's size at the phase's."""
    if films.pixels.shape[1:] == (phase.height, phase.width):
        return films
    pixels = np.stack([shrink(film, width=phase.width, height=phase.height) for film in films.pixels])
    return replace(films, pixels=pixels)
