"""Progressive resizing: the first epochs on small films."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.training.tiny import TINY
from training.augmentation.acquisition import AcquisitionAugmentation
from training.fitting.phases import Phase, plan_phases, resize_network, resize_recipe
from training.networks.pneumonet import build_pneumonet
from training.networks.recipes import Recipe, SourceRecipe

RECIPE = replace(
    TINY,
    build=lambda height, width: build_pneumonet(height, width, stages=((4, 1), (8, 1))),
    optimizer=lambda _steps: keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=None),
    sources=SourceRecipe(epochs=10, small_side=48, small_proportion=0.7),
    augmentation=AcquisitionAugmentation(width=64, height=64),
)


def test_small_films_come_first_where_there_are_sources() -> None:
    assert plan_phases(RECIPE, 10, has_sources=True) == [Phase(48, 48, 7), Phase(64, 64, 10)]
    assert plan_phases(RECIPE, 10, has_sources=False) == [Phase(64, 64, 10)]
    assert plan_phases(RECIPE, 2, has_sources=True) == [Phase(48, 48, 1), Phase(64, 64, 2)]
    whole = replace(RECIPE, sources=SourceRecipe(epochs=10))
    assert plan_phases(whole, 10, has_sources=True) == [Phase(64, 64, 10)]


def test_the_last_epoch_is_at_the_networks_size() -> None:
    """Even of a single one: else the entry would hold a network of small films."""
    *_, small, whole = plan_phases(RECIPE, 1, has_sources=True)
    assert (small.until, whole) == (0, Phase(64, 64, 1))


def test_films_are_augmented_to_the_phases_size() -> None:
    sized = resize_recipe(RECIPE, Phase(48, 40, 7))
    assert sized.augmentation is not None
    assert sized.augmentation(np.zeros((224, 224), np.uint8), np.random.default_rng(0)).shape == (48, 40)


@pytest.fixture(scope="module")
def small() -> keras.Model:
    """A network for 48 pixels, trained for two steps."""
    keras.utils.set_random_seed(1)
    network = RECIPE.build(48, 48)
    network.compile(optimizer=RECIPE.optimizer(10), loss="binary_crossentropy", metrics=["accuracy"])
    films = np.random.default_rng(0).uniform(0, 255, (8, 48, 48, 1)).astype(np.float32)
    for _ in range(2):
        network.train_on_batch(films, np.arange(8, dtype=np.float32)[:, np.newaxis] % 2)
    return network


def test_a_network_goes_on_at_another_size_where_it_stood(small: keras.Model) -> None:
    """With the averaged weights, and the optimizer's step and moments."""
    averages = [np.array(value) for value in small.optimizer.variables if "_average" in value.path]
    resized = resize_network(small, RECIPE, Phase(64, 64, 10))
    assert resized.input_shape == (None, 64, 64, 1)
    for weight, average in zip(resized.trainable_variables, averages, strict=True):
        assert np.array_equal(weight, average)
    assert int(resized.optimizer.iterations) == 2
    for one, other in zip(resized.optimizer.variables, small.optimizer.variables, strict=True):
        assert np.array_equal(one, other)
    assert resize_network(resized, RECIPE, Phase(64, 64, 10)) is resized


def test_a_recipe_that_changes_no_size_stays(small: keras.Model) -> None:
    plain: Recipe = replace(RECIPE, augmentation=None)
    assert resize_recipe(plain, Phase(48, 48, 7)) is plain
    assert resize_network(small, RECIPE, Phase(48, 48, 7)) is small
