"""`pneumoserve evaluate`: a model of the store and a labelled folder → figures, plots and a text; no TensorFlow."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.errors import InvalidParameter
from app.inference.artifact import find_entry, open_verified
from app.inference.engine import Engine
from training.assess import Assessment, assess
from training.data import Unreadable, read_films
from training.dataset import tell_unreadable
from training.layout import find_labelled
from training.patients import group_by_patient, read_patient_table
from training.report import metric_rows, write_classification, write_metrics, write_report

_CHUNK = 16


@dataclass(frozen=True)
class EvaluateOptions:
    """What is to be evaluated.

    Attributes:
        data: a folder with a sub-folder a class, or the Kaggle layout, of which `split` is read.
        store: the model store.
        model: `name/version` or `name`; None: the store's default.
        out: where report, plots and `metrics.json` go; None: a folder of `work/` named after model and data.
        operating_point: shown first; None: the model's default.
        patients: a CSV path,patient.
        split: of the Kaggle layout.
    """

    data: Path
    store: Path
    model: str | None = None
    out: Path | None = None
    operating_point: str | None = None
    patients: Path | None = None
    split: str | None = None


class Evaluation(NamedTuple):
    """The figures, the folder that the report is in, and the files that could not be read."""

    assessment: Assessment
    out: Path
    unreadable: tuple[Unreadable, ...]


def evaluate(options: EvaluateOptions, console: Console) -> Evaluation:
    """Evaluate a model on labelled films with the serving engine; print the figures and write the report.

    Raises:
        PneumoServeError: the folder, the model, the table of patients or the operating point cannot be used.
    """
    table = read_patient_table(options.patients) if options.patients else None
    folder = find_labelled(options.data, options.split)
    entry = find_entry(options.store, options.model)
    manifest = entry.manifest
    shown = options.operating_point or manifest.default_operating_point
    if shown not in manifest.operating_points:
        known = ", ".join(manifest.operating_points)
        raise InvalidParameter(f"Expected one of the operating points of {entry.label}: {known}. Received {shown!r}.")
    engine = open_verified(entry)
    films = read_films(folder, width=manifest.input.width, height=manifest.input.height, console=console)
    tell_unreadable(films.unreadable, console)
    grouping = group_by_patient(films.paths, table)
    assessment = assess(
        films.labels,
        _compute_logits(engine, films.pixels, console),
        grouping,
        calibrate=manifest.calibration.probability,
        operating_points=manifest.operating_points,
        default=shown,
    )
    name = "-".join([*entry.label.split("/"), folder.parent.name, folder.name])
    out = options.out or Path("work") / f"evaluate-{name}"
    title = f"{entry.label} on {folder.name}"
    plots = write_report(assessment, out, title)
    about: dict[str, object] = {
        "model": entry.label,
        "model_sha256": manifest.sha256.model_keras,
        "data_fingerprint": films.fingerprint(),
        "unreadable": [{"path": file.path, "reason": file.reason} for file in films.unreadable],
    }
    write_metrics(assessment, out, about)
    _print(assessment, title, len(films.unreadable), console)
    console.print(f"Wrote report.txt, metrics.json, {', '.join(plots)} into {out}.", highlight=False)
    return Evaluation(assessment, out, films.unreadable)


def _compute_logits(engine: Engine, pixels: NDArray[np.uint8], console: Console) -> NDArray[np.float32]:
    chunks = [pixels[start : start + _CHUNK] for start in range(0, len(pixels), _CHUNK)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ThreadPoolExecutor(os.cpu_count()) as pool, Progress(*columns, console=console, transient=True) as progress:
        answers = progress.track(pool.map(engine.logits, chunks), len(chunks), description="Computing logits")
        return np.concatenate(list(answers))


def _print(assessment: Assessment, title: str, unreadable: int, console: Console) -> None:
    counts = f"{len(assessment.labels)} films, {unreadable} unreadable"
    table = Table("Metric", "Value", "95 % interval", title=f"{title}, at “{assessment.default}” ({counts})")
    for row in metric_rows(assessment, assessment.default):
        table.add_row(*row)
    console.print(table)
    console.print(f"Intervals: bootstrap of {assessment.patients} groups, {assessment.intervals}.", highlight=False)
    console.print(write_classification(assessment, assessment.default), markup=False, highlight=False)
