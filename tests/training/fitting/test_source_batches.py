"""Batches of several sources: as many films of either class, decided by seed, epoch and number alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.drawn_sources import make_pool, row
from tests.training.tiny import TINY
from training.augmentation.localisation import Localisation, LungVariation
from training.augmentation.source_pool import SourcePool, SourceSampling
from training.augmentation.style import StyleTransfer, transfer_style
from training.fitting.batches import SourceBatches
from training.networks.recipes import Recipe
from training.networks.source_recipe import SourceRecipe

STILL = Localisation(LungVariation(), LungVariation())


class Small:
    """An augmentation that takes every seventh pixel."""

    def __call__(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return the film at 32 pixels a side."""
        return np.ascontiguousarray(pixels[::7, ::7])

    def describe(self) -> dict[str, float]:
        """Return no ranges."""
        return {}


def make_recipe(sources: SourceRecipe, **changes: object) -> Recipe:
    """Return a recipe that changes films in no way but those of `sources` and `changes`."""
    return replace(TINY, augmentation=Small(), sources=sources, **changes)


PLAIN = make_recipe(SourceRecipe(epochs=1, films_an_epoch=100, localisation=STILL))
FULL = make_recipe(
    SourceRecipe(epochs=1, films_an_epoch=100), style_transfer=StyleTransfer(), mixup=0.2, smoothing=0.05
)


@pytest.fixture(scope="module")
def pool() -> SourcePool:
    """Three films of children, four of adults, two of lungs."""
    return make_pool(
        [
            *(row(label) for label in (0, 0, 1)),
            *(row(label, "s", "adult") for label in (0, 1, 1, 1)),
            *(row(label, "l", "adult", "lungs", "AP") for label in (0, 1)),
        ]
    )


def find_numbers(batch: NDArray[np.float32], pool: SourcePool) -> list[int]:
    """Return the number of each film of a batch that is not changed."""
    small = np.stack([film[::7, ::7] for film in pool.pixels])
    return [int(np.flatnonzero((small == film).all(axis=(1, 2)))[0]) for film in batch[..., 0]]


def test_a_batch_has_as_many_films_of_either_class(pool: SourcePool) -> None:
    """Each with the label of its film, and of the configured population."""
    recipe = make_recipe(SourceRecipe(1, 100, SourceSampling(p_child=0.25, p_lungs=0.0), STILL))
    batch, labels = SourceBatches(pool, 400, seed=1, recipe=recipe)[0]
    numbers = find_numbers(batch, pool)
    assert (batch.shape, batch.dtype) == ((400, 32, 32, 1), np.float32)
    assert (labels.shape, labels.dtype, labels.mean()) == ((400, 1), np.float32, 0.5)
    assert labels[:, 0].tolist() == [pool.rows[number].label for number in numbers]
    assert np.mean([pool.rows[number].population == "child" for number in numbers]) == pytest.approx(0.25, abs=0.07)


def test_an_epoch_has_the_configured_films(pool: SourcePool) -> None:
    """In whole batches."""
    assert len(SourceBatches(pool, 32, seed=1, recipe=PLAIN)) == 4


@pytest.mark.parametrize("recipe", [PLAIN, FULL], ids=["plain", "full"])
def test_a_batch_depends_on_seed_epoch_and_number_alone(pool: SourcePool, recipe: Recipe) -> None:
    """A resumed run samples its next epoch as an unbroken one does."""
    unbroken = SourceBatches(pool, 8, seed=1, recipe=recipe)
    before = unbroken[1]
    unbroken.on_epoch_end()
    resumed = SourceBatches(pool, 8, seed=1, epoch=1, recipe=recipe)
    _ = resumed[0]
    for one, other in zip(unbroken[1], resumed[1], strict=True):
        np.testing.assert_array_equal(one, other)
    others = [before, resumed[2], SourceBatches(pool, 8, seed=2, epoch=1, recipe=recipe)[1]]
    assert not any(np.array_equal(resumed[1][0], other[0]) for other in others)


def test_films_are_mixed_and_labels_smoothed(pool: SourcePool) -> None:
    """As in batches of one folder."""
    smoothed = replace(PLAIN, smoothing=0.1)
    _, labels = SourceBatches(pool, 16, seed=1, recipe=smoothed)[0]
    np.testing.assert_allclose(np.unique(labels), [0.05, 0.95], atol=1e-6)
    _, mixed = SourceBatches(pool, 16, seed=1, recipe=replace(PLAIN, mixup=1.0))[0]
    assert ((mixed > 0.01) & (mixed < 0.99)).any()


def test_a_film_without_lungs_has_the_label_in_the_middle(pool: SourcePool) -> None:
    """Smoothing keeps it there."""
    hidden = Localisation(LungVariation(p_hidden=1.0), LungVariation(p_hidden=1.0))
    sources = SourceRecipe(1, 100, SourceSampling(p_lungs=0.0), hidden)
    _, labels = SourceBatches(pool, 16, seed=1, recipe=make_recipe(sources, smoothing=0.1))[0]
    np.testing.assert_allclose(labels, 0.5)


@pytest.mark.parametrize(
    "localisation", [STILL, Localisation(LungVariation(p_hidden=1.0), LungVariation(p_hidden=1.0))]
)
def test_each_film_takes_on_a_style_of_the_pool(pool: SourcePool, localisation: Localisation) -> None:
    """A batch is what its films one by one become: lungs first, then style, then augmentation."""
    whole = StyleTransfer(1.0, 1.0)
    recipe = make_recipe(SourceRecipe(1, 100, localisation=localisation), style_transfer=whole)
    batch, _ = SourceBatches(pool, 6, seed=3, recipe=recipe)[0]
    sampling, rng = SourceSampling(), np.random.default_rng([3, 0, 0])
    for position, changed in enumerate(batch[..., 0]):
        population = pool.sample_population(rng, sampling)
        number = pool.sample(rng, population, position % 2, sampling)
        film, _, amplitude = localisation(pool, number, rng)
        assert whole.sample(rng) == (1.0, 1.0)
        style = pool.sample_style(rng, population, sampling)
        np.testing.assert_array_equal(changed, transfer_style(film, style, own_amplitude=amplitude)[::7, ::7])


def test_a_recipe_without_sources_is_refused(pool: SourcePool) -> None:
    """Before anything is sampled."""
    with pytest.raises(ValueError, match=r"a recipe with sources and an augmentation. Received tiny"):
        SourceBatches(pool, 8, seed=1, recipe=TINY)
