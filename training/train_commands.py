"""The commands that train: train · train-lungs. Each imports its libraries when called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from app.cli import DEFAULT_STORE, PatientsOption, StoreOption, errors_in_one_line

SOURCES_HELP = "A CSV with the columns path, class, source, patient, population, view and form; see docs/training.md."
ShareOption = Annotated[
    float, typer.Option(min=0.01, max=0.9, help="The proportion of training films held out for validation.")
]


def train(
    data: Annotated[
        str, typer.Option(help="The films, in the layouts of `evaluate`; or `kaggle` to download that set.")
    ],
    network: Annotated[
        str, typer.Option(help="The network, with its recipe. A wrong name lists those there are.")
    ] = "pneumonet",
    test: Annotated[
        Path | None,
        typer.Option(help="A labelled folder to measure once, when all is chosen, for the model card. Default: none."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The new entry's name. By default the recipe's.")] = None,
    patients: PatientsOption = None,
    sources: Annotated[
        Path | None, typer.Option(help=f"More films to train on; needs --lungs. {SOURCES_HELP} Default: none.")
    ] = None,
    lungs: Annotated[
        Path | None,
        typer.Option(help="The network of `train-lungs`, for --sources. Default: none."),
    ] = None,
    test_sources: Annotated[
        Path | None,
        typer.Option(help="A table as --sources, of films to measure once, when all is chosen. Default: none."),
    ] = None,
    unsuitable: Annotated[
        Path | None,
        typer.Option(
            help="Images that are no chest films, one subfolder a kind, to measure the gate on. Default: none."
        ),
    ] = None,
    validation_share: ShareOption = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Seeds split, weights, order and augmentation.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="How long to train. By default the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Films a step. By default the recipe's.")] = None,
    reduce_lr: Annotated[bool, typer.Option("--reduce-lr", help="Divide the learning rate by 10 on plateaus.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder for checkpoints; the same command resumes from them.")] = Path(
        "work"
    ),
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Train a network on labelled films and put it into the model store. Started again after a kill, it resumes."""
    # TensorFlow's notes on CUDA and oneDNN drown the progress bar.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from rich.console import Console

    from app.errors import ArtifactRefused

    with errors_in_one_line():
        from training.train import find_recipe
        from training.train import train as train_network
        from training.train_options import TrainOptions

        options = TrainOptions(
            data=data,
            store=store,
            runs=runs,
            name=name,
            patients=patients,
            test=test,
            sources=sources,
            lungs=lungs,
            test_sources=test_sources,
            unsuitable=unsuitable,
            validation_share=validation_share,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            reduce_lr=reduce_lr,
        )
        try:
            train_network(options, find_recipe(network), Console())
        except ArtifactRefused as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None


def train_lungs(
    sources: Annotated[Path, typer.Argument(help=SOURCES_HELP, metavar="SOURCES.csv")],
    out: Annotated[Path, typer.Option(help="The new file, which ends in .keras.")],
    validation_share: ShareOption = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Seeds weights, order and augmentation.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="How many batches of 24 films to train on.")] = 700,
) -> None:
    """Train the network that finds the lungs for `train --sources`, on patients with a whole film and its lungs."""
    # See `train`.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from rich.console import Console

    from app.errors import InvalidParameter

    with errors_in_one_line():
        from training.data.layout import make_writable
        from training.data.lung_pairs import read_lung_pairs
        from training.fitting.lungs import LungTraining, fit_lungs

        if out.suffix != ".keras":
            raise InvalidParameter(f"Expected a file that ends in .keras. Received {out.name!r}.")
        make_writable(out.parent)
        pairs = read_lung_pairs(sources, proportion=validation_share, console=Console())
        network, dice = fit_lungs(pairs, seed=seed, training=LungTraining(steps=steps), console=Console())
        network.save(out)
    typer.echo(f"Wrote {out}; validation Dice {dice:.4f}.")
