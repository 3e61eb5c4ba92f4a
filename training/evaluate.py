"""`pneumoserve evaluate`, `audit` and `site-report`: a model of the store, measured on labelled films.

All three compute by the serving engine, without TensorFlow.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.errors import InvalidParameter
from app.inference.artifact import Entry, find_entry, open_verified
from app.inference.engine import Engine
from app.inference.predictor import Predictor
from training.audit.audit import Subject
from training.audit.audit import audit as audit_model
from training.audit.files import AUDIT_FILES, write_audit
from training.audit.matched import measure_matched
from training.audit.matched_text import OUTSIDE_FILE, print_matched, write_outside
from training.audit.text import print_audit
from training.data.dataset import read_listed
from training.data.films import Films
from training.data.layout import make_writable, show_path
from training.data.listing import Unreadable, list_films
from training.data.patient_table import read_patient_table
from training.data.patients import Grouping, group_by_patient
from training.data.validation_split import OWN_VALIDATION, read_own_validation
from training.evaluation.assessment import Assessment, assess
from training.evaluation.assessment_files import write_metrics, write_report
from training.evaluation.assessment_text import metric_rows, write_classification
from training.evaluation.logits import compute_logits
from training.reports.site_report import INDEX_FILE, PAGE_FILE, SiteReportOptions, Study, write_site_report


@dataclass(frozen=True)
class Selection:
    """Which model is measured, and on which films.

    Attributes:
        data: a folder with a sub-folder a class, or the Kaggle layout, of which `split` is read.
        store: the model store.
        model: `name/version` or `name`; None: the store's default.
        operating_point: at which classes are given; None: the model's default.
        patients: a CSV path,patient.
        split: of the Kaggle layout; `validation` stands for the films that the model was validated on.
    """

    data: Path
    store: Path
    model: str | None = None
    operating_point: str | None = None
    patients: Path | None = None
    split: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """A verified model, and the labelled films that it is measured on.

    Attributes:
        selection: that asked for them.
        entry: of the model store.
        engine: of that entry.
        point: the operating point at which classes are given.
        folder: that the films' paths start from.
        data: what the films are called.
        films: that could be read.
        grouping: their patients.
        unreadable: the files that could not be read.
        console: for progress, metrics, and the names of the files that are written.
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
        """The model's answers on these films, with the metrics."""
        manifest = self.entry.manifest
        return assess(
            self.films.labels,
            compute_logits(self.engine, self.films.pixels, self.console),
            self.grouping,
            calibrate=manifest.calibration.probability,
            operating_points=manifest.operating_points,
            default=self.point,
        )

    def make_folder(self, out: Path | None, command: str) -> Path:
        """Make `out`, or a folder of `work/` named after command, model and films; return it.

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
        PneumoServeError: the folder, the model, the table of patients or the operating point cannot be used.
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
            width=manifest.input.width,
            height=manifest.input.height,
            console=console,
            needs_both_classes=needs_both_classes,
        )
        folder, unreadable = listing.folder, films.unreadable
        if table is not None:
            table.check(films.paths, folder)
        grouping = group_by_patient(films.paths, table, folder)
    data = OWN_VALIDATION if is_own else show_path(folder.name)
    return Evaluation(selection, entry, engine, point, folder, data, films, grouping, unreadable, console)


def evaluate(
    evaluation: Evaluation, out: Path | None = None, *, matched: bool = False, into_entry: bool = False
) -> Path:
    """Print the metrics; write the report, its plots and `metrics.json`.

    Args:
        evaluation: the model and its films.
        out: where the files go; None: a folder of `work/`.
        matched: whether to measure on films matched in brightness, contrast and sharpness, too.
        into_entry: whether to keep the metrics on matched films in the model's folder, too.

    Returns:
        The folder with the files.

    Raises:
        PneumoServeError: it cannot be written to.
    """
    out = evaluation.make_folder(out, "evaluate")
    entry, films, assessment = evaluation.entry, evaluation.films, evaluation.assessment
    title = f"{entry.label} on {evaluation.data}"
    plots = write_report(assessment, out, title)
    # What is kept in an entry holds no path of a film.
    identity: dict[str, object] = {
        "model": entry.label,
        "model_sha256": entry.manifest.sha256.model_keras,
        "data_fingerprint": films.fingerprint(),
    }
    unreadable = [{"path": file.path, "reason": file.reason} for file in evaluation.unreadable]
    write_metrics(assessment, out, {**identity, "unreadable": unreadable})
    _print(assessment, title, len(unreadable), evaluation.console)
    evaluation.report_written(f"report.txt, metrics.json, {', '.join(plots)}", out)
    if matched:
        measured = measure_matched(films, assessment.logits, evaluation.grouping)
        print_matched(measured, films, evaluation.data, entry.label, evaluation.console)
        for place in (out, entry.folder) if into_entry else (out,):
            write_outside(measured, films, evaluation.data, identity, place)
            evaluation.report_written(OUTSIDE_FILE, place)
    return out


def audit(
    evaluation: Evaluation, out: Path | None = None, *, copies: Path | None = None, into_entry: bool = False
) -> Path:
    """Audit the model: print and write what shortcut features reach, and how perturbed films change its answers.

    Args:
        evaluation: the model and its films.
        out: where the files go; None: a folder of `work/`.
        copies: a folder with the same films in another form, to be compared one by one; None: nothing is compared.
        into_entry: whether to keep the audit in the model's folder, too.

    Returns:
        The folder with the files.

    Raises:
        PneumoServeError: it cannot be written to, or `copies` has no such film.
    """
    out = evaluation.make_folder(out, "audit")
    data = "its validation films" if evaluation.data == OWN_VALIDATION else evaluation.data
    subject = Subject(
        entry=evaluation.entry,
        engine=evaluation.engine,
        point=evaluation.point,
        data=data,
        folder=evaluation.folder,
        paths=evaluation.films.paths,
        patients=evaluation.grouping,
    )
    audited = audit_model(subject, copies, evaluation.console)
    print_audit(audited, evaluation.console)
    for place in (out, evaluation.entry.folder) if into_entry else (out,):
        write_audit(audited, place)
        evaluation.report_written(" and ".join(AUDIT_FILES), place)
    return out


def report_site(evaluation: Evaluation, options: SiteReportOptions) -> None:
    """Write a hospital's page, and the index that says which film is which.

    Raises:
        PneumoServeError: the folder cannot be written to.
    """
    make_writable(options.folder)
    study = Study(
        predictor=Predictor(evaluation.entry, evaluation.engine),
        folder=evaluation.folder,
        data=evaluation.data,
        films=evaluation.films,
        grouping=evaluation.grouping,
        unreadable=evaluation.unreadable,
        assessment=evaluation.assessment,
        command=_describe_command(evaluation.selection, options),
    )
    write_site_report(study, options)
    evaluation.report_written(f"{PAGE_FILE} and {INDEX_FILE}", options.folder)


def _print(assessment: Assessment, title: str, unreadable: int, console: Console) -> None:
    counts = f"{len(assessment.labels)} films, {unreadable} unreadable"
    table = Table("Metric", "Value", "95 % interval", title=f"{title}, at “{assessment.default}” ({counts})")
    for row in metric_rows(assessment, assessment.default):
        table.add_row(*row)
    console.print(table)
    console.print(f"Intervals: bootstrap of {assessment.patients} groups, {assessment.intervals}.", highlight=False)
    console.print(write_classification(assessment, assessment.default), markup=False, highlight=False)


def _describe_command(selection: Selection, options: SiteReportOptions) -> str:
    """Return the command line that makes this page, with the names of folders, not where they lie."""
    given = {
        "--data": show_path(selection.data.name),
        "--split": selection.split,
        "--model": selection.model,
        "--operating-point": selection.operating_point,
        "--patients": selection.patients.name if selection.patients else None,
        "--out": options.folder.name,
        "--wanted-sensitivity": f"{options.wanted_sensitivity:g}",
    }
    words = [word for option, value in given.items() if value for word in (option, value)]
    return shlex.join(["pneumoserve", "site-report", *words, *(["--show-names"] if options.show_names else [])])
