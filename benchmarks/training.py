"""What training's input pipeline costs: an epoch beside a bare loop of the same network over one batch in memory.

    make bench-training
    python -m benchmarks.training [--network pneumonet] [--films 1024] [--rounds 3]

The two are measured in turns. The share of the pipeline is what an epoch takes longer; at most 10 % is wanted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.films import ROOT, draw_film

if TYPE_CHECKING:
    from training.data.films import Films
    from training.networks.recipes import Recipe

WANTED_SHARE = 0.10
FOLDERS = (ROOT / "data" / "kermany-224" / "train", ROOT.parent / "shared" / "data" / "kermany-224" / "train")


def read_or_draw(recipe: Recipe, count: int) -> Films:
    """Answer `count` films as the recipe reads them: of the Kaggle set where it is at hand, else drawn ones."""
    import numpy as np

    from app.names import LABELS
    from training.data.films import Films, read_these_films
    from training.data.listing import list_films

    width, height = recipe.source_side or recipe.width, recipe.source_side or recipe.height
    for folder in FOLDERS:
        if folder.is_dir():
            paths = list_films(folder).paths
            return read_these_films(folder, paths[:: max(1, len(paths) // count)][:count], width=width, height=height)
    pixels = np.stack([draw_film(seed, width * height, aspect=width / height) for seed in range(count)])
    labels = np.arange(count, dtype=np.uint8) % 2
    paths = tuple(f"{LABELS[label]}/{number}" for number, label in enumerate(labels))
    return Films(paths, pixels, labels, paths, np.zeros((count, 3), np.int64))


def timed(work: Callable[[], Any]) -> float:
    """Answer the seconds that something takes."""
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
    from rich.console import Console

    from training.fitting.batches import FilmBatches
    from training.train import find_recipe

    console = Console()
    recipe = find_recipe(arguments.network)
    with console.status("reading films"):
        films = read_or_draw(recipe, arguments.films)
    batches = FilmBatches(films, recipe.batch_size, seed=1, recipe=recipe)
    model = recipe.build(recipe.height, recipe.width)
    model.compile(optimizer=recipe.optimizer(10_000), loss="binary_crossentropy", metrics=["accuracy"])
    one_batch = [tf.constant(part) for part in batches[0]]

    def epoch() -> None:
        model.fit(batches, epochs=1, shuffle=False, verbose=0)

    def bare() -> None:
        for _ in range(len(batches)):
            model.train_on_batch(*one_batch)

    def make_batches() -> None:
        for index in range(len(batches)):
            batches[index]

    console.print(f"{recipe.network}: {len(films)} films an epoch, {len(batches)} batches of {recipe.batch_size}")
    shares = []
    with console.status("warming up") as status:
        model.train_on_batch(*one_batch)
        epoch()
        for number in range(1, arguments.rounds + 1):
            status.update(f"round {number} of {arguments.rounds}")
            whole, loop, alone = timed(epoch), timed(bare), timed(make_batches)
            shares.append(1 - loop / whole)
            console.print(
                f"round {number}: epoch {whole:.2f} s, bare loop {loop:.2f} s, making the batches alone {alone:.2f} s; "
                f"share of the input pipeline {shares[-1]:.1%}",
                highlight=False,
                soft_wrap=True,
            )
    share = statistics.median(shares)
    held = "held" if share <= WANTED_SHARE else "not held"
    console.print(f"median share {share:.1%}, wanted at most {WANTED_SHARE:.0%}: {held}", highlight=False)


if __name__ == "__main__":
    main()
