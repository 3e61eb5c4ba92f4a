"""The commands that write into the store: models export · card · promote · rollback.

Each imports its libraries when called.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli import DEFAULT_STORE, StoreOption, errors_in_one_line


def export(
    network: Annotated[
        Path, typer.Argument(help="The network, as Keras saved it: a .keras file, or HDF5.", metavar="NETWORK.keras")
    ],
    name: Annotated[str, typer.Option(help="The new entry's name.")],
    prevalence: Annotated[
        float,
        typer.Option(min=0.001, max=0.999, help="The proportion of pneumonia among the films it was trained on."),
    ],
    pneumonia_is: Annotated[
        Literal["0", "1"],
        typer.Option(help="The network's class number of PNEUMONIA; folders in alphabetical order make it 1."),
    ] = "1",
    scale: Annotated[
        Literal["none", "0-1", "-1-1", "torch", "caffe"],
        typer.Option(help="How pixels, 0 to 255, were scaled outside the network; the last two as for ImageNet."),
    ] = "none",
    size: Annotated[
        str | None,
        typer.Option(
            help="The size of its films. By default its input's, which may leave it open.", metavar="HEIGHTxWIDTH"
        ),
    ] = None,
    logits: Annotated[
        bool, typer.Option("--logits", help="The network ends in logits, without sigmoid or softmax.")
    ] = False,
    intended_use: Annotated[str, typer.Option(help="A sentence for /model.")] = "Unknown. Not a medical device.",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Make a model_store entry of a network that was trained elsewhere. Needs the extra `train`.

    It answers a film (height, width, 1 or 3) with one sigmoid or a softmax of two; its answers stay the same.
    """
    # TensorFlow's notes would drown ours; it writes the serving form, whatever trained the network.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from app.inference.artifact_writer import check_name
    from training.data.layout import show_path

    with errors_in_one_line():
        check_name(name)
        from training.publishing.adopt import adopt
        from training.publishing.foreign_network import Conventions, read_size

        try:
            folder = adopt(
                network,
                store,
                name,
                prevalence=prevalence,
                intended_use=show_path(intended_use),
                conventions=Conventions(1 if pneumonia_is == "1" else 0, scale, read_size(size), logits),
                report=typer.echo,
            )
        except OSError as error:
            typer.echo(f"Expected a model store that can be written: {error.strerror}.", err=True)
            raise typer.Exit(2) from None
    typer.echo(f"Wrote {folder}.")


def card(
    model: Annotated[str, typer.Argument(help="The model.", metavar="NAME/VERSION")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write a model's MODEL_CARD.md anew from the other files of its entry."""
    from app.inference.artifact import find_entry

    with errors_in_one_line():
        from training.reports.card import write_card

        entry = find_entry(store, model)
        write_card(entry.folder)
    typer.echo(f"Wrote {entry.folder / 'MODEL_CARD.md'}.")


def promote(
    model: Annotated[str, typer.Argument(help="The model to serve from now on.", metavar="NAME/VERSION")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Choose the model that is served: it is verified here, then a running service of this store changes to it."""
    _choose(store, model)


def rollback(
    model: Annotated[
        str | None,
        typer.Argument(
            help="The model to return to. By default the version before the chosen one.", metavar="[NAME/VERSION]"
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Return to an earlier model; a running service of this store changes to it."""
    from app.inference.artifact import find_entry, list_entries

    with errors_in_one_line():
        if model is None:
            chosen = find_entry(store).label
            before = [label for label in list_entries(store) if label.partition("/")[0] == chosen.partition("/")[0]]
            before = before[: before.index(chosen)]
            if not before:
                typer.echo(f"Expected a version before {chosen} in the store. There is none.", err=True)
                raise typer.Exit(2)
            model = before[-1]
        _choose(store, model)


def _choose(store: Path, model: str) -> None:
    from app.inference.artifact import find_entry, open_verified
    from app.inference.artifact_writer import set_default

    with errors_in_one_line():
        entry = find_entry(store, model)
        if entry.label != model:
            typer.echo(f"Expected NAME/VERSION, such as {entry.label}. Received {model!r}.", err=True)
            raise typer.Exit(2)
        open_verified(entry)
        try:
            set_default(store, entry.label)
        except OSError as error:
            typer.echo(f"Expected a model store that can be written: {error.strerror}.", err=True)
            raise typer.Exit(2) from None
    typer.echo(f"{entry.label} is chosen.")
    if pinned := os.environ.get("PNEUMOSERVE_MODEL"):
        typer.echo(f"PNEUMOSERVE_MODEL={pinned} names a model: a service with this setting does not change.", err=True)
