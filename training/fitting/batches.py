"""Films in memory → batches for `model.fit`."""

from __future__ import annotations

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from training.augmentation.source_pool import SourcePool
from training.augmentation.style import StyleBank, transfer_style
from training.data.films import Films
from training.networks.recipes import Recipe

Pixels = NDArray[np.uint8]


class FilmBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """Batches, shuffled and augmented anew each epoch, made ahead in worker threads.

    Seed, epoch and index alone decide a batch's content, whatever the order of threads, also after a resume.
    """

    def __init__(self, films: Films, batch_size: int, *, seed: int, epoch: int = 0, recipe: Recipe | None) -> None:
        """Start at `epoch`; `seed` decides order and augmentation. No recipe: films unchanged, for validation."""
        super().__init__(workers=2, max_queue_size=8)
        self.films = films
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.recipe = recipe
        self._styles = StyleBank(films.pixels, films.labels) if recipe is not None and recipe.style_transfer else None
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.films) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return float32 films (batch, height, width, 1) in 0..255, and float32 labels (batch, 1)."""
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        labels = self.films.labels[chosen, np.newaxis].astype(np.float32)
        if self.recipe is None:
            return self.films.pixels[chosen, ..., np.newaxis].astype(np.float32), labels
        rng = np.random.default_rng([self.seed, self.epoch, index])
        films = [self._augment(int(number), rng) for number in chosen]
        batch, labels = _mix(films, labels, self.recipe.mixup, rng)
        return batch, labels * (1 - self.recipe.smoothing) + self.recipe.smoothing / 2

    def on_epoch_end(self) -> None:
        """Move on to the next epoch."""
        self.epoch += 1
        self._shuffle()

    def _augment(self, number: int, rng: np.random.Generator) -> Pixels:
        film: Pixels = self.films.pixels[number]
        if self.recipe is None or self.recipe.augmentation is None:
            return film
        strengths = self.recipe.style_transfer.sample(rng) if self.recipe.style_transfer is not None else None
        if self._styles is not None and strengths is not None:
            amplitude, histogram = strengths
            film = self._styles.transfer_to_own(film, number, rng, amplitude=amplitude, histogram=histogram)
        return self.recipe.augmentation(film, rng)

    def _shuffle(self) -> None:
        rng = np.random.default_rng([self.seed, self.epoch])
        if self.recipe is None or not self.recipe.is_balanced:
            self._order = rng.permutation(len(self.films))
            return
        half = len(self.films) // 2
        sampled = [_sample(np.flatnonzero(self.films.labels == label), half, rng) for label in (0, 1)]
        self._order = rng.permutation(np.concatenate(sampled))


class SourceBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """Batches of (films, labels) sampled from several sources, as many of either class; worker threads make them ahead.

    Seed, epoch and number alone decide a batch's content; the order of threads and a resumed run do not.
    """

    def __init__(self, pool: SourcePool, batch_size: int, *, seed: int, epoch: int = 0, recipe: Recipe) -> None:
        """Make batches of a pool's films.

        Args:
            pool: of all training films.
            batch_size: films a batch.
            seed: of sampling and augmentation.
            epoch: the first one.
            recipe: with `sources` and an augmentation.
        """
        super().__init__(workers=2, max_queue_size=8)
        if recipe.sources is None or recipe.augmentation is None:
            raise ValueError(f"Expected a recipe with sources and an augmentation. Received {recipe.network}.")
        self.pool = pool
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.recipe = recipe
        self._sources, self._augmentation = recipe.sources, recipe.augmentation

    def __len__(self) -> int:
        return -(-self._sources.films_an_epoch // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return batch `index`: float32 (films, height, width, 1) in 0..255, and float32 labels (films, 1)."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        pairs = [self._sample(position % 2, rng) for position in range(self.batch_size)]
        labels = np.array([[label] for _, label in pairs], np.float32)
        batch, labels = _mix([film for film, _ in pairs], labels, self.recipe.mixup, rng)
        return batch, labels * (1 - self.recipe.smoothing) + self.recipe.smoothing / 2

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's films."""
        self.epoch += 1

    def _sample(self, label: int, rng: np.random.Generator) -> tuple[Pixels, float]:
        """Return an augmented film that was sampled from a class, and its label, 0 to 1."""
        sampling = self._sources.sampling
        population = self.pool.sample_population(rng, sampling)
        number = self.pool.sample(rng, population, label, sampling)
        film, known, amplitude = self._sources.localisation(self.pool, number, rng)
        strengths = self.recipe.style_transfer.sample(rng) if self.recipe.style_transfer is not None else None
        if strengths is not None:
            style = self.pool.sample_style(rng, population, sampling)
            film = transfer_style(film, style, amplitude=strengths[0], histogram=strengths[1], own_amplitude=amplitude)
        return self._augmentation(film, rng), known


def _sample(films: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Sample `count` films, each equally often, give or take one."""
    rounds = [rng.permutation(films) for _ in range(-(-count // len(films)))]
    return np.concatenate(rounds)[:count]


def _mix(
    films: list[Pixels], labels: NDArray[np.float32], alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blend each film and label with another of the batch (Zhang et al. 2018, "mixup"); alpha 0: none."""
    if not alpha:
        return np.stack(films)[..., np.newaxis].astype(np.float32), labels
    weights = rng.beta(alpha, alpha, (len(films), 1)).astype(np.float32)
    other = rng.permutation(len(films))
    batch = np.empty((len(films), *films[0].shape, 1), np.float32)
    for mixed, film, second, weight in zip(batch[..., 0], films, other, weights[:, 0].tolist(), strict=True):
        cv2.addWeighted(film, weight, films[second], 1 - weight, 0, dst=mixed, dtype=cv2.CV_32F)
    return batch, labels * weights + labels[other] * (1 - weights)
