"""Batches hold the right films with the right labels, whatever thread makes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn import LABELS, draw_film
from tests.training.tiny import TINY
from training.augmentation.affine import AffineAugmentation
from training.augmentation.style import StyleBank, StyleTransfer, transfer_style
from training.data.films import Films
from training.fitting.batches import FilmBatches


def make_films(pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Films:
    """Return films of these pixels and labels."""
    paths = tuple(map(str, range(len(labels))))
    return Films(paths, pixels, labels, paths, np.zeros((len(labels), 3), np.int64))


@pytest.fixture(scope="module")
def films() -> Films:
    """Sixteen drawn films, half of each class."""
    labels = np.arange(16, dtype=np.uint8) % 2
    return make_films(np.stack([draw_film(LABELS[label], seed, 64, 64) for seed, label in enumerate(labels)]), labels)


def find_numbers(batch: NDArray[np.float32], films: Films) -> list[int]:
    """Return the number of each film of a batch that is not augmented."""
    return [int(np.flatnonzero((films.pixels == film).all(axis=(1, 2)))[0]) for film in batch[..., 0]]


def test_batches_hold_every_film_once_an_epoch(films: Films) -> None:
    """Each epoch is another order of all films, and the labels stay with their films."""
    batches = FilmBatches(films, 5, seed=1, recipe=None)
    epochs = []
    for _ in range(2):
        pairs = [batches[index] for index in range(len(batches))]
        order = find_numbers(np.concatenate([pair[0] for pair in pairs]), films)
        assert sorted(order) == list(range(len(films)))
        np.testing.assert_array_equal(np.concatenate([pair[1] for pair in pairs])[:, 0], films.labels[order])
        epochs.append(order)
        batches.on_epoch_end()
    assert epochs[0] != epochs[1]


def test_a_batch_depends_on_seed_epoch_and_number_alone(films: Films) -> None:
    """A resumed run augments its next epoch as an unbroken one does."""
    unbroken = FilmBatches(films, 5, seed=1, recipe=TINY)
    unbroken.on_epoch_end()
    resumed = FilmBatches(films, 5, seed=1, epoch=1, recipe=TINY)
    _ = resumed[0]
    np.testing.assert_array_equal(unbroken[2][0], resumed[2][0])
    assert not np.array_equal(resumed[2][0], FilmBatches(films, 5, seed=2, epoch=1, recipe=TINY)[2][0])


def test_balanced_batches_hold_as_many_films_of_either_class(films: Films) -> None:
    """The rarer class is sampled more often, and each of its films as often as any other."""
    rare = films.take(np.flatnonzero((films.labels == 1) | (np.cumsum(films.labels == 0) <= 5)))
    recipe = replace(TINY, augmentation=None, is_balanced=True)
    pixels, labels = FilmBatches(rare, 1000, seed=1, recipe=recipe)[0]
    counts = np.bincount(find_numbers(pixels, rare), minlength=len(rare))[rare.labels == 0]
    assert labels.mean() == 0.5
    assert np.ptp(counts) <= 1


def test_smoothed_labels_lie_off_the_classes(films: Films) -> None:
    """By half of the proportion that is spread."""
    _, labels = FilmBatches(films, 16, seed=1, recipe=replace(TINY, augmentation=None, smoothing=0.1))[0]
    np.testing.assert_allclose(np.unique(labels), [0.05, 0.95], atol=1e-6)


def test_a_film_is_mixed_as_its_label_is() -> None:
    """Films of gray 0 and 200 come out as gray as their labels say, in fractions of a level."""
    labels = np.arange(12, dtype=np.uint8) % 2
    films = make_films(np.full((12, 8, 9), 200, np.uint8) * labels[:, None, None], labels)
    batch, mixed = FilmBatches(films, 12, seed=1, recipe=replace(TINY, augmentation=None, mixup=1.0))[0]
    assert (batch.shape, batch.dtype) == ((12, 8, 9, 1), np.float32)
    assert ((mixed > 0.01) & (mixed < 0.99)).any()
    np.testing.assert_allclose(batch, np.broadcast_to(200 * mixed[..., None, None], batch.shape), atol=1e-3)
    assert np.any(np.abs(batch - batch.round()) > 0.1)


def test_each_film_takes_on_a_style_by_its_own_number(films: Films) -> None:
    """A batch is what films one by one become."""
    still, whole = AffineAugmentation(0, 0, 0), StyleTransfer(1.0, 1.0)
    recipe = replace(TINY, augmentation=still, style_transfer=whole)
    batch = FilmBatches(films, len(films), seed=1, recipe=recipe)[0][0][..., 0]
    order = find_numbers(FilmBatches(films, len(films), seed=1, recipe=None)[0][0], films)
    bank, rng = StyleBank(films.pixels, films.labels), np.random.default_rng([1, 0, 0])
    for changed, number in zip(batch, order, strict=True):
        assert whole.sample(rng) == (1.0, 1.0)
        np.testing.assert_array_equal(changed, transfer_style(films.pixels[number], bank.sample(rng)))
        still.sample(64, 64, rng)
