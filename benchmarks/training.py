"""What training's input pipeline costs: an epoch beside a bare loop of the same network over one batch in memory.

    make bench-training
    python -m benchmarks.training [--network pneumonet] [--films 1024] [--rounds 3]

The two take turns over drawn films. The pipeline's part is what an epoch takes longer; at most 10 % is wanted.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.films import draw_film
from benchmarks.results import Check

if TYPE_CHECKING:
    from training.data.films import Films
    from training.networks.recipes import Recipe

WANTED_PART = 0.10


def draw_films(recipe: Recipe, count: int) -> Films:
    """Return `count` drawn films of the size that the recipe reads, half of them of either class."""
    import numpy as np

    from app.names import LABELS
    from training.data.films import Films

    width, height = recipe.source_side or recipe.width, recipe.source_side or recipe.height
    pixels = np.stack([draw_film(seed, width * height, aspect=width / height) for seed in range(count)])
    labels = np.arange(count, dtype=np.uint8) % 2
    paths = tuple(f"{LABELS[label]}/{number}" for number, label in enumerate(labels))
    return Films(paths, pixels, labels, paths, np.zeros((count, 3), np.int64))


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--network", default="pneumonet")
    parser.add_argument("--films", type=int, default=1024, help="an epoch")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    # As `pneumoserve train` has it, before NumPy and TensorFlow are imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from training.fitting.batches import FilmBatches
    from training.train import find_recipe

    recipe = find_recipe(arguments.network)
    batches = FilmBatches(draw_films(recipe, arguments.films), recipe.batch_size, seed=1, recipe=recipe)
    model = recipe.build(recipe.height, recipe.width)
    model.compile(optimizer=recipe.optimizer(10_000), loss="binary_crossentropy", metrics=["accuracy"])
    one_batch = [tf.constant(part) for part in batches[0]]

    def epoch() -> None:
        model.fit(batches, epochs=1, shuffle=False, verbose=0)

    def bare() -> None:
        for _ in range(len(batches)):
            model.train_on_batch(*one_batch)

    print(f"{recipe.network}: {len(batches)} batches of {recipe.batch_size} an epoch")
    model.train_on_batch(*one_batch)
    epoch()
    parts = []
    for _ in range(arguments.rounds):
        whole, loop, alone = timed(epoch), timed(bare), timed(lambda: [batches[index] for index in range(len(batches))])
        parts.append(1 - loop / whole)
        print(f"epoch {whole:.2f} s, bare loop {loop:.2f} s, batches alone {alone:.2f} s", flush=True)
    print(Check("the input pipeline's part of an epoch", parts, at_most=WANTED_PART))


if __name__ == "__main__":
    main()
