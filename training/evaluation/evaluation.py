"""A verified model, and the labelled films that it is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console

from app.errors import InvalidParameter
from app.inference.artifact import Entry, find_entry, open_verified
from app.inference.engine import Engine
from training.data.dataset import read_listed
from training.data.films import Films, input_size
from training.data.layout import make_writable, show_path
from training.data.listing import Unreadable, list_films
from training.data.patient_table import read_patient_table
from training.data.patients import Grouping, group_by_patient
from training.data.validation_split import OWN_VALIDATION, read_own_validation
from training.evaluation.assessment import Assessment, assess
from training.evaluation.logits import compute_logits


@dataclass(frozen=True)
class Selection:
    """Which model is measured, and on which films.

    Attributes:
        data: a folder with a sub-folder a class, or the Kaggle layout, of which `split` is read.
        store: the model store.
        model: `name/version` or `name`; None: the store's default.
        operating_point: of predicted classes; None: the model's default.
        patients: a CSV path,patient.
        split: of the Kaggle layout; `validation`: the model's own validation films.
    """

    data: Path
    store: Path
    model: str | None = None
    operating_point: str | None = None
    patients: Path | None = None
    split: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """A model on labelled films.

    Attributes:
        selection: of both.
        entry: of the model store.
        engine: verified.
        point: operating point of predicted classes.
        folder: where the films' paths start.
        data: names the films.
        films: of `folder`.
        grouping: their patients.
        unreadable: other files.
        console: for progress and metrics.
    """

    selection: Selection
    entry: Entry
    engine: Engine
    point: str
    folder: Path
    data: str
    films: Films
    grouping: Grouping
    unreadable: tuple[Unreadable, ...]
    console: Console

    @cached_property
    def assessment(self) -> Assessment:
        """Predictions and metrics."""
        manifest = self.entry.manifest
        return assess(
            self.films.labels,
            compute_logits(self.engine, self.films.pixels, self.console),
            self.grouping,
            calibrate=manifest.calibration.probability,
            operating_points=manifest.operating_points,
            default=self.point,
        )

    @property
    def films_in_words(self) -> str:
        """The films in words."""
        return "its validation films" if self.data == OWN_VALIDATION else self.data

    @property
    def threshold(self) -> float:
        """The operating point, as a logit."""
        return self.entry.manifest.operating_points[self.point]

    def make_folder(self, out: Path | None, command: str) -> Path:
        """Make and return `out`, or a folder of `work/` named after command, model and films.

        Raises:
            PneumoServeError: it cannot be written to.
        """
        name = "-".join([*self.entry.label.split("/"), show_path(self.folder.parent.name), self.data])
        folder = out or Path("work") / f"{command}-{name}"
        make_writable(folder)
        return folder

    def report_written(self, files: str, folder: Path) -> None:
        """Print what was written."""
        self.console.print(f"Wrote {files} into {folder}.", highlight=False)


def open_evaluation(selection: Selection, console: Console, *, needs_both_classes: bool = True) -> Evaluation:
    """Open the model, and read the films.

    Raises:
        PneumoServeError: folder, model, table of patients or operating point cannot be used.
    """
    table = read_patient_table(selection.patients) if selection.patients else None
    is_own = selection.split == OWN_VALIDATION
    listing = None if is_own else list_films(selection.data, selection.split)
    entry = find_entry(selection.store, selection.model)
    manifest = entry.manifest
    point = selection.operating_point or manifest.default_operating_point
    if point not in manifest.operating_points:
        known = ", ".join(manifest.operating_points)
        raise InvalidParameter(f"Expected one of the operating points of {entry.label}: {known}. Received {point!r}.")
    engine = open_verified(entry)
    if listing is None:
        folder, films, grouping, unreadable = read_own_validation(manifest, selection.data, table, console)
    else:
        films = read_listed(
            listing,
            **input_size(manifest.input),
            console=console,
            needs_both_classes=needs_both_classes,
        )
        folder, unreadable = listing.folder, films.unreadable
        if table is not None:
            table.check(films.paths, folder)
        grouping = group_by_patient(films.paths, table, folder)
    data = OWN_VALIDATION if is_own else show_path(folder.name)
    return Evaluation(selection, entry, engine, point, folder, data, films, grouping, unreadable, console)
