"""The options of `pneumoserve train`, and the command line that they come from."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from training.data.layout import show_path
from training.networks.recipes import Recipe


@dataclass(frozen=True)
class TrainOptions:
    """Options of a training; None: the recipe's.

    Attributes:
        data: a labelled folder, in the Kaggle layout or without splits, or `kaggle` to download the set.
        store: receives the entry.
        runs: for checkpoints; the same options and films resume.
        name: of the entry.
        patients: a CSV path,patient.
        test: films of the held-out test evaluation.
        sources: a CSV of films beside those of `data`, see `source_table`; needs `lungs`.
        lungs: a lung network, as `pneumoserve train-lungs` saves it.
        test_sources: a CSV as `sources`, of films of the held-out test evaluation.
        unsuitable: a folder of images that are no chest films, one subfolder a kind, to measure the gate on.
        validation_share: proportion of training films.
        seed: of split, weights, order and augmentation.
        epochs: passes over the films.
        batch_size: films a step.
        reduce_lr: on plateaus of the validation loss.
    """

    data: str
    store: Path
    runs: Path = Path("work")
    name: str | None = None
    patients: Path | None = None
    test: Path | None = None
    sources: Path | None = None
    lungs: Path | None = None
    unsuitable: Path | None = None
    test_sources: Path | None = None
    validation_share: float = 0.15
    seed: int = 1
    epochs: int | None = None
    batch_size: int | None = None
    reduce_lr: bool = False


def describe_command(options: TrainOptions, recipe: Recipe) -> str:
    """Return the command line; of an absolute path, the last name."""
    words = ["pneumoserve", "train", "--data", show_name(options.data), "--network", recipe.network]
    words += ["--seed", str(options.seed)]
    words += ["--validation-share", str(options.validation_share)] if options.validation_share != 0.15 else []
    words += ["--epochs", str(options.epochs)] if options.epochs else []
    words += ["--batch-size", str(options.batch_size)] if options.batch_size else []
    words += ["--reduce-lr"] if options.reduce_lr else []
    words += ["--patients", show_name(str(options.patients))] if options.patients else []
    words += ["--test", show_name(str(options.test))] if options.test else []
    words += ["--sources", show_name(str(options.sources))] if options.sources else []
    words += ["--lungs", show_name(str(options.lungs))] if options.lungs else []
    words += ["--test-sources", show_name(str(options.test_sources))] if options.test_sources else []
    words += ["--unsuitable", show_name(str(options.unsuitable))] if options.unsuitable else []
    return shlex.join(words)


def show_name(path: str) -> str:
    """Return a path to be shown; of an absolute one, the last name."""
    return show_path(Path(path).name if Path(path).is_absolute() else path)
