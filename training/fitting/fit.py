"""A recipe and films → a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
from rich.console import Console

from training.augmentation.source_pool import SourcePool
from training.data.films import Films
from training.fitting.batches import FilmBatches, SourceBatches
from training.fitting.callbacks import KeepEpochs, Plateau, ShowProgress, open_progress
from training.fitting.checkpoints import EpochMetrics, Platform, RunFolder, Settings
from training.fitting.distillation import (
    WEIGHT_OF_TEACHERS,
    accuracy,
    distillation_loss,
    join,
    metrics_of_student,
    student_loss,
    take_weights,
)
from training.fitting.sources import FurtherFilms, build_pool
from training.networks.recipes import Recipe


@dataclass(frozen=True)
class Fitted:
    """A trained network, the metrics of its epochs, the run's folder and settings, and what it was trained on."""

    model: keras.Model
    history: list[EpochMetrics]
    folder: Path
    settings: Settings
    platform: Platform


def fit(
    recipe: Recipe,
    training: Films,
    validation: Films,
    *,
    runs: Path,
    seed: int,
    epochs: int,
    batch_size: int,
    reduce_lr: bool,
    console: Console,
    further: FurtherFilms | None = None,
) -> Fitted:
    """Train a network, and return it after its last epoch: none is chosen.

    Args:
        recipe: network and training.
        training: augmented films.
        validation: films left unchanged.
        runs: parent of run folders; the same arguments and films resume a run after its last whole epoch.
        seed: of weights, order and augmentation.
        epochs: passes over the training films; with `further`, over as many as the recipe samples for one.
        batch_size: films a step.
        reduce_lr: divide the learning rate by 10 after 2 epochs without a better validation loss.
        console: for progress.
        further: films to learn from beside `training`, by the recipe's `sources`.

    Raises:
        PneumoServeError: `further` lacks films of a class.
    """
    keras.utils.set_random_seed(seed)
    student, *teachers = _build(recipe, has_sources=further is not None)
    settings: Settings = {
        "network": recipe.network,
        "parameters": [network.count_params() for network in (student, *teachers)],
        "seed": seed,
        "epochs": epochs,
        "batch_size": batch_size,
        "reduce_lr": reduce_lr,
        **_describe(recipe, further),
        "training_films": training.fingerprint(),
        "validation_films": validation.fingerprint(),
    }
    folder = RunFolder(runs, settings)
    network, history = folder.finished(), folder.history()
    if network is None:
        model = folder.restore()
        if model is None:
            films_an_epoch = recipe.sources.films_an_epoch if further and recipe.sources else len(training)
            model = _compile(student, teachers, recipe.optimizer(epochs * -(-films_an_epoch // batch_size)))
        else:
            console.print(f"Resuming after epoch {len(history)} of {epochs} ({folder.path}).")
        if len(history) < epochs:
            pool = build_pool(training, further) if further is not None else None
            batches = _open_batches(training, pool, batch_size, seed=seed, epoch=len(history), recipe=recipe)
            plateau = [Plateau(history)] if reduce_lr else []
            with open_progress(console) as progress:
                show = ShowProgress(history, epochs, batches, progress, is_blended=recipe.is_blended)
                model.fit(
                    batches,
                    validation_data=FilmBatches(validation, batch_size, seed=seed, recipe=None),
                    initial_epoch=len(history),
                    epochs=epochs,
                    shuffle=False,
                    verbose=0,
                    callbacks=[*plateau, KeepEpochs(folder, history), show],
                )
        if model.optimizer.use_ema:
            # As `model.fit` does, which a run resumed after its last epoch never calls.
            model.optimizer.finalize_variable_values(model.trainable_variables)
        network = take_weights(student, model) if teachers else model
        folder.finish(network)
    return Fitted(network, [metrics_of_student(epoch) for epoch in history], folder.path, settings, folder.platform())


def _build(recipe: Recipe, *, has_sources: bool) -> list[keras.Model]:
    """Return the recipe's network, and its teachers."""
    teachers = recipe.sources.teachers if has_sources and recipe.sources else ()
    return [build(recipe.height, recipe.width) for build in (recipe.build, *teachers)]


def _compile(
    student: keras.Model, teachers: Sequence[keras.Model], optimizer: keras.optimizers.Optimizer
) -> keras.Model:
    if not teachers:
        student.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
        return student
    model = join(student, teachers)
    model.compile(optimizer=optimizer, loss=distillation_loss, metrics=[accuracy, student_loss])
    return model


def _open_batches(
    training: Films, pool: SourcePool | None, batch_size: int, *, seed: int, epoch: int, recipe: Recipe
) -> FilmBatches | SourceBatches:
    if pool is None:
        return FilmBatches(training, batch_size, seed=seed, epoch=epoch, recipe=recipe)
    return SourceBatches(pool, batch_size, seed=seed, epoch=epoch, recipe=recipe)


def _describe(recipe: Recipe, further: FurtherFilms | None) -> Settings:
    settings: Settings = {
        "augmentation": recipe.augmentation.describe() if recipe.augmentation else None,
        "input": [recipe.height, recipe.width],
        "source_side": recipe.source_side,
        "style_transfer": recipe.style_transfer.describe() if recipe.style_transfer else None,
        "is_balanced": recipe.is_balanced,
        "mixup": recipe.mixup,
        "smoothing": recipe.smoothing,
    }
    if further is None or recipe.sources is None:
        return settings
    return settings | {
        "teachers": {"count": len(recipe.sources.teachers), "weight": WEIGHT_OF_TEACHERS},
        "sampling": recipe.sources.describe(),
        "further_films": further.films.fingerprint(),
        "lung_network": further.lungs.sha256,
    }
