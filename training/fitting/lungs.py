"""Pairs of film and lungs → a trained lung network."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import keras
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from training.augmentation.lung_pairs import LungPairAugmentation
from training.augmentation.lungs import IS_LUNG, mask_of_lungs, shrink_to_mask
from training.data.lung_pairs import LungPairs
from training.networks.lungs import build_lung_network, find_masks

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class LungTraining:
    """How a lung network is trained: `steps` of `batch_size` pairs, under a rate that falls along a cosine."""

    steps: int = 700
    batch_size: int = 24
    rate: float = 3e-3
    weight_decay: float = 0.01
    augmentation: LungPairAugmentation = field(default_factory=LungPairAugmentation)
    steps_a_line: int = 100


def fit_lungs(pairs: LungPairs, *, seed: int, training: LungTraining, console: Console) -> tuple[keras.Model, float]:
    """Train a lung network; return it and the mean Dice coefficient of its validation films.

    Args:
        pairs: to train and to validate on.
        seed: of weights, order and augmentation.
        training: how long and by what.
        console: for loss and Dice every `steps_a_line` steps.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    films = np.stack([shrink_to_mask(film) for film in pairs.whole])
    masks = np.stack([mask_of_lungs(film) for film in pairs.lungs])
    first, second = np.flatnonzero(~pairs.is_validation), np.flatnonzero(pairs.is_validation)
    network = build_lung_network()
    rate = keras.optimizers.schedules.CosineDecay(training.rate, training.steps)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=training.weight_decay)
    network.compile(optimizer=optimizer, loss="binary_crossentropy")
    started, dice = time.monotonic(), 0.0
    for step in range(1, training.steps + 1):
        chosen = rng.choice(first, training.batch_size)
        batch, targets = zip(*(training.augmentation(films[n], masks[n], rng) for n in chosen), strict=True)
        loss = network.train_on_batch(
            np.stack(batch)[..., np.newaxis], np.stack(targets)[..., np.newaxis].astype(np.float32) / 255
        )
        if step % training.steps_a_line == 0 or step == training.steps:
            dice = compute_dice(masks[second], find_masks(network, films[second]))
            console.print(
                f"Step {step} of {training.steps}: loss {float(loss):.4f}; validation Dice {dice:.4f}; "
                f"{time.monotonic() - started:.0f} s",
                highlight=False,
            )
    return network, dice


def compute_dice(masks: Pixels, found: Pixels) -> float:
    """Compute the mean over films of the Dice coefficient, 0 to 1: twice the shared area by the sum of both.

    Args:
        masks: uint8 of shape (films, rows, columns).
        found: of the same shape.
    """
    one, other = masks > IS_LUNG, found > IS_LUNG
    shared, areas = (one & other).sum((1, 2)), one.sum((1, 2)) + other.sum((1, 2))
    return float(np.mean(2 * shared / np.maximum(areas, 1)))
