"""The command `pneumoserve`: serve · predict · score · train · evaluate · models.

Each command imports its part when it is called, so that none pays for another's libraries.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.names import DEFAULT_ENGINE, EngineName

# Before NumPy is imported: its OpenBLAS was seen to wait for ever for one of its own threads (NumPy 2.5, between two
# trainings in one process), and nothing here multiplies matrices that are worth several threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Reads a chest X-ray and answers how likely pneumonia is. Not a medical device.",
)
models_app = typer.Typer(help="List the model store, or add a network of your own to it.")
app.add_typer(models_app, name="models")

StoreOption = Annotated[
    Path, typer.Option("--model-store", envvar="PNEUMOSERVE_MODEL_STORE", help="The folder of the model store.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(envvar="PNEUMOSERVE_MODEL", help="Name or name/version; unset: what the store's DEFAULT names."),
]
EngineOption = Annotated[EngineName, typer.Option(envvar="PNEUMOSERVE_ENGINE", help="What computes.")]
DEFAULT_STORE = Path("model_store")
STDIN = "-"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; default 8000.")] = None,
    store: Annotated[
        Path | None, typer.Option("--model-store", help="The folder of the model store; default model_store.")
    ] = None,
) -> None:
    """Serve the model over HTTP. Everything else is set by PNEUMOSERVE_… variables: see docs/settings.md."""
    from app.serve import serve as serve_until_ended

    raise typer.Exit(serve_until_ended(host=host, port=port, model_store=store))


@app.command()
def predict(
    # Not paths: as one, a file that is named `-`, which is written `./-`, would be standard input.
    files: Annotated[
        list[str], typer.Argument(help="JPEG or PNG films; - for one on standard input.", metavar="FILE|-…")
    ],
    activation_maps: Annotated[
        Literal["none", "cam", "layers", "all"], typer.Option(help="Which maps to put into the answer.")
    ] = "none",
    operating_point: Annotated[str | None, typer.Option(help="One of the model's; unset: its default.")] = None,
    save_maps: Annotated[Path | None, typer.Option(help="Write the maps as PNG into this folder instead.")] = None,
    model: ModelOption = None,
    store: StoreOption = DEFAULT_STORE,
    engine: EngineOption = DEFAULT_ENGINE,
    prevalence: Annotated[
        float | None,
        typer.Option(
            min=0.0001,
            max=0.9999,
            envvar="PNEUMOSERVE_PREVALENCE",
            help="Share of pneumonia among your films; unset: as the model was fitted.",
        ),
    ] = None,
) -> None:
    """Read films without a server: the same answers, one JSON line a film. Status 1 where one failed."""
    import json

    from app.api.problems import problem_of
    from app.api.schemas import encode_prediction
    from app.errors import ImageError, ModelError, RequestError
    from app.inference.predictor import open_predictor
    from batch.paths import printable

    try:
        predictor = open_predictor(store, model, engine, prevalence=prevalence)
        point = predictor.point(operating_point)
    except (ModelError, RequestError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    if save_maps is not None:
        try:
            save_maps.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            typer.echo(f"Expected --save-maps to be a folder that can be made: {error.strerror}.", err=True)
            raise typer.Exit(2) from None
        activation_maps = "all" if activation_maps == "none" else activation_maps
        if len({_map_stem(name) for name in files}) < len(files):
            typer.echo("Expected films of different names, for --save-maps. Received one name twice.", err=True)
            raise typer.Exit(2)
    failed = 0
    for name in files:
        filename = None if name == STDIN else printable(Path(name).name or name)
        try:
            prediction = predictor.predict(_read_film(name), operating_point=point, maps=activation_maps)
        except (ImageError, RequestError, OSError) as error:
            failed += 1
            slug = "unreadable-file" if isinstance(error, OSError) else problem_of(error).slug
            detail = error.strerror if isinstance(error, OSError) else str(error)
            typer.echo(json.dumps({"filename": filename, "error": slug, "detail": detail}))
            continue
        answer = json.loads(encode_prediction(prediction, predictor.manifest, filename=filename, prevalence=prevalence))
        if save_maps is not None:
            try:
                for plot in prediction.maps:
                    target = save_maps / f"{_map_stem(name)}-{plot.kind}-{plot.layer or 'film'}.png"
                    target.write_bytes(plot.png)
            except OSError as error:
                typer.echo(f"Expected --save-maps to be a folder that can be written: {error.strerror}.", err=True)
                raise typer.Exit(2) from None
            answer["activation_maps"] = []
        typer.echo(json.dumps(answer))
    raise typer.Exit(1 if failed else 0)


def _map_stem(name: str) -> str:
    return "stdin" if name == STDIN else Path(name).stem


def _read_film(name: str) -> bytes:
    """Read the bytes of one film from a file, or from standard input.

    Raises:
        OSError: they cannot be had; its `strerror` is fit to be shown.
        MissingFile: there are none.
    """
    from app.errors import MissingFile

    if name == STDIN:
        if sys.stdin is None:  # as Python has it where the descriptor was closed at the start
            raise OSError(errno.EBADF, "Standard input is closed")
        data = sys.stdin.buffer.read()
    else:
        path = Path(name)
        # A pipe that nobody writes to would be waited for without end, and a device may have none.
        if path.exists() and not (path.is_file() or path.is_dir()):
            expected = "Expected a file. Received a pipe, a socket or a device: send it to `predict -`"
            raise OSError(errno.EINVAL, expected)
        data = path.read_bytes()
    if not data:
        raise MissingFile("Expected the bytes of a JPEG or PNG image. Received none.")
    return data


@app.command()
def score(
    sources: Annotated[
        list[str],
        typer.Argument(help="Folders, files, or - for paths on standard input, one a line.", metavar="FOLDER|FILE|-…"),
    ],
    out: Annotated[Path, typer.Option(help="The result: .csv, .jsonl or .parquet.")],
    url: Annotated[str, typer.Option(help="Of the service.")] = "http://127.0.0.1:8000",
    labels: Annotated[
        Literal["folders"] | None,
        typer.Option(help="folders: films lie in NORMAL and PNEUMONIA; end with the metrics."),
    ] = None,
    operating_point: Annotated[str | None, typer.Option(help="One of the model's; unset: its default.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Films on their way at once.")] = 8,
    patience: Annotated[float, typer.Option(min=0, help="Seconds for which a film is tried again.")] = 120.0,
    api_key: Annotated[
        str | None, typer.Option(envvar="PNEUMOSERVE_API_KEY", show_envvar=True, help="Better set than typed.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget earlier starts, and replace OUT.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Send again all that failed, whatever the reason.")
    ] = False,
    root: Annotated[
        str | None, typer.Option(help="Know films by their paths below this folder, wherever it is mounted.")
    ] = None,
    null: Annotated[bool, typer.Option("--null", help="Paths on standard input end with NUL: find -print0.")] = False,
    encoding: Annotated[
        str | None, typer.Option(help="Of the list on standard input. Unset: UTF-8, or as its byte-order mark says.")
    ] = None,
) -> None:
    """Score many films over HTTP, one row a film; started again, what is new or changed. Status 1 where one failed."""
    from batch.client import RetryPolicy
    from batch.score import score as score_films

    status = score_films(
        sources,
        url=url,
        out=out,
        labels=labels,
        operating_point=operating_point,
        concurrency=concurrency,
        api_key=api_key,
        restart=restart,
        null=null,
        encoding=encoding,
        retry_failed=retry_failed,
        root=root,
        policy=RetryPolicy(patience=patience, refused=patience),
    )
    raise typer.Exit(status)


@app.command()
def train(
    data: Annotated[str, typer.Option(help="As for `evaluate`; or `kaggle` to download that set.")],
    network: Annotated[str, typer.Option(help="The network and its recipe; a wrong name lists them.")] = "pneumonet",
    test: Annotated[
        Path | None,
        typer.Option(help="A labelled folder to look at once, when all is chosen; the model card tells of it."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the new entry; unset: the recipe's.")] = None,
    patients: Annotated[Path | None, typer.Option(help="A CSV path,patient; unset: by file names.")] = None,
    validation_share: Annotated[float, typer.Option(min=0.01, max=0.9, help="Of the training films.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Of split, weights, order and augmentation.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Unset: the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Unset: the recipe's.")] = None,
    reduce_lr: Annotated[bool, typer.Option("--reduce-lr", help="Divide the rate by 10 on plateaus.")] = False,
    runs: Annotated[Path, typer.Option(help="Checkpoints; the same command resumes there.")] = Path("work"),
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Train a network on labelled films and put it into the model store. Started again after a kill, it resumes."""
    # TensorFlow's notes on CUDA and oneDNN would drown the progress bar.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from rich.console import Console

    from app.errors import ArtifactRefused, PneumoServeError

    try:
        from training.train import TrainOptions, find_recipe
        from training.train import train as train_network
    except ModuleNotFoundError as error:
        typer.echo(f"train needs {error.name}, which is not installed: run `make install-train`.", err=True)
        raise typer.Exit(2) from None
    options = TrainOptions(
        data, store, runs, name, patients, test, validation_share, seed, epochs, batch_size, reduce_lr
    )
    try:
        train_network(options, find_recipe(network), Console())
    except PneumoServeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1 if isinstance(error, ArtifactRefused) else 2) from None


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="A folder with NORMAL and PNEUMONIA in it, or the Kaggle layout.")],
    split: Annotated[
        str | None,
        typer.Option(help="Of the Kaggle layout: train, val or test; validation: those that the model chose on."),
    ] = None,
    model: ModelOption = None,
    operating_point: Annotated[str | None, typer.Option(help="One of the model's; unset: its default.")] = None,
    patients: Annotated[Path | None, typer.Option(help="A CSV path,patient; unset: by file names.")] = None,
    out: Annotated[Path | None, typer.Option(help="For report, plots and metrics.json; unset: in work/.")] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Also measure shortcuts, and how far altered films sway the model.")
    ] = False,
    copies: Annotated[
        Path | None, typer.Option(help="For --audit: a folder with the same file names, to compare film by film.")
    ] = None,
    into_entry: Annotated[
        bool,
        typer.Option("--into-entry", help="Keep audit or matched figures in the model's folder of the store, too."),
    ] = False,
    matched: Annotated[
        bool, typer.Option("--matched", help="Also measure on films matched in brightness, contrast and sharpness.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a hospital's own page, report.html, into this folder.")
    ] = None,
    wanted_sensitivity: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="For --report: seek the threshold that reaches it.")
    ] = 0.95,
    show_names: Annotated[
        bool, typer.Option("--show-names", help="For --report: file names on the page; they can name patients.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Measure a model on labelled films: figures with intervals, and plots. Status 1 where a file is unreadable."""
    from rich.console import Console

    from app.errors import PneumoServeError

    try:
        from training.evaluate import EvaluateOptions
        from training.evaluate import evaluate as evaluate_model
        from training.reports.site_report import SiteReportOptions
    except ModuleNotFoundError as error:
        typer.echo(f"evaluate needs {error.name}, which is not installed: run `make install-train`.", err=True)
        raise typer.Exit(2) from None
    page = SiteReportOptions(report, wanted_sensitivity, show_names) if report else None
    options = EvaluateOptions(
        data, store, model, out, operating_point, patients, split, audit, copies, into_entry, matched, page
    )
    try:
        evaluation = evaluate_model(options, Console())
    except PneumoServeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(1 if evaluation.unreadable else 0)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, store: StoreOption = DEFAULT_STORE) -> None:
    """List the store's models: name/version, when made, and what they reached on their validation films."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table

    from app.errors import ModelError
    from app.inference.artifact import find_entry, list_entries

    labels = list_entries(store)
    if not labels:
        where = f"There is no model in {store.absolute()}"
        typer.echo(f"{where}: name the store with --model-store or PNEUMOSERVE_MODEL_STORE.", err=True)
        raise typer.Exit(2)
    try:
        default = find_entry(store).label
    except ModelError:
        default = ""
    table = Table("model", "created", "validation AUC", "operating points", "note")
    for label in labels:
        try:
            manifest = find_entry(store, label).manifest
        except ModelError as error:
            table.add_row(label, "", "", "", f"refused: {error}")
            continue
        points = ", ".join(manifest.operating_points)
        note = "the default" if label == default else ""
        table.add_row(label, manifest.created[:10], _validation_auc(manifest.metrics), points, note)
    Console().print(table)


def _validation_auc(metrics: dict[str, Any]) -> str:
    """Answer the AUC that a model reached on its validation films; empty for one that was trained elsewhere."""
    points = metrics.get("validation", {}).get("operating_points", {})
    for figures in points.values():
        auc = figures["auc"]
        return f"{auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})"
    return ""


@models_app.command()
def export(
    network: Annotated[
        Path, typer.Argument(help="A network saved by Keras: a .keras file, or HDF5.", metavar="NETWORK.keras")
    ],
    name: Annotated[str, typer.Option(help="Of the new entry.")],
    prevalence: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Share of pneumonia among the films it was trained on.")
    ],
    pneumonia_is: Annotated[
        Literal["0", "1"],
        typer.Option(help="Its class number of PNEUMONIA; folders in alphabetical order make it 1."),
    ] = "1",
    scale: Annotated[
        Literal["none", "0-1", "-1-1", "torch", "caffe"],
        typer.Option(help="What was done to the pixels, 0 to 255, outside the network; the last two as for ImageNet."),
    ] = "none",
    size: Annotated[
        str | None, typer.Option(help="Of its films, if its input leaves it open.", metavar="HEIGHTxWIDTH")
    ] = None,
    logits: Annotated[
        bool, typer.Option("--logits", help="It was trained from logits: no sigmoid or softmax at its end.")
    ] = False,
    intended_use: Annotated[str, typer.Option(help="A sentence for /model.")] = "Unknown. Not a medical device.",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Make a model_store entry of a network that was trained elsewhere. Needs the extra `train`.

    It answers a film (height, width, 1 or 3) with one sigmoid or a softmax of two; its answers stay the same.
    """
    # See `train`. What is served is written under TensorFlow, whatever the network was trained with.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    from app.errors import PneumoServeError
    from app.inference.artifact import check_name
    from batch.paths import printable

    try:
        check_name(name)
        from training.publishing.adopt import adopt
        from training.publishing.foreign_network import Conventions, read_size

        conventions = Conventions(1 if pneumonia_is == "1" else 0, scale, read_size(size), logits)
        folder = adopt(
            network,
            store,
            name,
            prevalence=prevalence,
            intended_use=printable(intended_use),
            conventions=conventions,
            report=typer.echo,
        )
    except ModuleNotFoundError as error:
        typer.echo(f"This needs {error.name}: run `make install-train`.", err=True)
        raise typer.Exit(2) from None
    except PneumoServeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"Expected a model store that can be written: {error.strerror}.", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"Wrote {folder}.")


@models_app.command()
def card(
    model: Annotated[str, typer.Argument(help="Which one.", metavar="NAME/VERSION")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write a model's MODEL_CARD.md anew from the other files of its entry."""
    from app.errors import ModelError
    from app.inference.artifact import find_entry
    from training.reports.card import write_card

    try:
        entry = find_entry(store, model)
    except ModelError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    write_card(entry.folder)
    typer.echo(f"Wrote {entry.folder / 'MODEL_CARD.md'}.")


def main() -> None:
    """Run the command line; where the system gives no memory, or no space for what is written, one line says so."""
    from app.errors import OUT_OF_MEMORY, is_out_of_memory

    for stream in (sys.stdout, sys.stderr):
        # An encoding that knows no … gets \u2026 instead. Whoever closed a stream left None of it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        if is_out_of_memory(error):
            reason = OUT_OF_MEMORY
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            reason = f"There is no space left to write {error.filename or 'the output'}."
            # Python would try again, on its way out, to write what is left over.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        else:
            raise
        print(reason, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
