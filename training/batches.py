"""Films in memory → the batches that `model.fit` asks for."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from training.augment import AffineAugmentation
from training.data import Films


class FilmBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """Batches of (films, labels), shuffled and augmented anew each epoch; worker threads make them ahead.

    What a batch holds depends on the seed, the epoch and its number alone, so neither the threads' order nor a
    resumed run changes it.
    """

    def __init__(
        self, films: Films, batch_size: int, *, seed: int, epoch: int = 0, augmentation: AffineAugmentation | None
    ) -> None:
        super().__init__(workers=2, max_queue_size=8)
        self.films = films
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.augmentation = augmentation
        self._shuffle()

    def __len__(self) -> int:
        return -(-len(self.films) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer batch `index`: float32 (films, height, width, 1) in 0..255, and float32 labels (films, 1)."""
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        pixels = self.films.pixels[chosen]
        if self.augmentation is not None:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            pixels = np.stack([self.augmentation(film, rng) for film in pixels])
        return pixels[..., np.newaxis].astype(np.float32), self.films.labels[chosen, np.newaxis].astype(np.float32)

    def on_epoch_end(self) -> None:
        """Move on to the next epoch's order and augmentation."""
        self.epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self._order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.films))
