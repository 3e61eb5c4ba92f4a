"""`pneumoserve evaluate`: a model of the store and a labelled folder → figures, plots and a text; no TensorFlow."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.errors import InvalidParameter
from app.inference.artifact import find_entry, open_verified
from app.inference.predictor import Predictor
from training.audit.audit import Subject, audit
from training.audit.files import AUDIT_FILES, write_audit
from training.audit.matched import measure_matched
from training.audit.matched_text import OUTSIDE_FILE, print_matched, write_outside
from training.audit.text import print_audit
from training.data.dataset import read_listed
from training.data.layout import make_writable, show_path
from training.data.listing import Unreadable, list_films
from training.data.patient_table import read_patient_table
from training.data.patients import group_by_patient
from training.data.validation_split import OWN_VALIDATION, read_own_validation
from training.evaluation.assessment import Assessment, assess
from training.evaluation.logits import compute_logits
from training.evaluation.plots import metric_rows, write_classification, write_metrics, write_report
from training.reports.site_report import INDEX_FILE, PAGE_FILE, SiteReportOptions, Study, write_site_report

_IDENTITY = ("model", "model_sha256", "data_fingerprint")
"""What is kept in an entry beside figures: no path of a film."""


@dataclass(frozen=True)
class EvaluateOptions:
    """What is to be evaluated.

    Attributes:
        data: a folder with films in folders named after their classes, or the Kaggle layout, of which `split` is read.
        store: the model store.
        model: `name/version` or `name`; None: the store's default.
        out: where report, plots and `metrics.json` go; None: the site's report's folder, or one of `work/` named after
            model and data.
        operating_point: shown first; None: the model's default.
        patients: a CSV path,patient.
        split: of the Kaggle layout; `validation` stands for the films that the model was validated on.
        audit: whether to audit the model too.
        copies: for the audit, a folder with the same films in another form.
        into_entry: whether to keep the audit, and what matched films say, in the model's own folder.
        matched: whether to measure on films matched in brightness, contrast and sharpness too.
        site_report: the page for a hospital; None: none is written.
    """

    data: Path
    store: Path
    model: str | None = None
    out: Path | None = None
    operating_point: str | None = None
    patients: Path | None = None
    split: str | None = None
    audit: bool = False
    copies: Path | None = None
    into_entry: bool = False
    matched: bool = False
    site_report: SiteReportOptions | None = None


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
    if options.copies and not options.audit:
        raise InvalidParameter("Expected --audit with --copies. Received --copies alone.")
    if options.into_entry and not (options.audit or options.matched):
        raise InvalidParameter("Expected --audit or --matched with --into-entry. Received --into-entry alone.")
    table = read_patient_table(options.patients) if options.patients else None
    is_own = options.split == OWN_VALIDATION
    listing = None if is_own else list_films(options.data, options.split)
    entry = find_entry(options.store, options.model)
    manifest = entry.manifest
    shown = options.operating_point or manifest.default_operating_point
    if shown not in manifest.operating_points:
        known = ", ".join(manifest.operating_points)
        raise InvalidParameter(f"Expected one of the operating points of {entry.label}: {known}. Received {shown!r}.")
    engine = open_verified(entry)
    if listing is None:
        folder, films, grouping, unreadable = read_own_validation(manifest, options.data, table, console)
    else:
        films = read_listed(
            listing,
            width=manifest.input.width,
            height=manifest.input.height,
            console=console,
            # A site's page says of each figure whether it is defined.
            needs_both_classes=options.site_report is None,
        )
        folder, unreadable = listing.folder, films.unreadable
        if table is not None:
            table.check(films.paths, folder)
        grouping = group_by_patient(films.paths, table, folder)
    data = OWN_VALIDATION if is_own else show_path(folder.name)
    name = "-".join([*entry.label.split("/"), show_path(folder.parent.name), data])
    page = options.site_report
    out = options.out or (page.folder if page else Path("work") / f"evaluate-{name}")
    for written in (out, page.folder if page else out):
        make_writable(written)
    assessment = assess(
        films.labels,
        compute_logits(engine, films.pixels, console),
        grouping,
        calibrate=manifest.calibration.probability,
        operating_points=manifest.operating_points,
        default=shown,
    )
    title = f"{entry.label} on {data}"
    plots = write_report(assessment, out, title)
    about: dict[str, object] = {
        "model": entry.label,
        "model_sha256": manifest.sha256.model_keras,
        "data_fingerprint": films.fingerprint(),
        "unreadable": [{"path": file.path, "reason": file.reason} for file in unreadable],
    }
    write_metrics(assessment, out, about)
    _print(assessment, title, len(unreadable), console)
    console.print(f"Wrote report.txt, metrics.json, {', '.join(plots)} into {out}.", highlight=False)
    if page:
        command = _describe_command(options)
        study = Study(Predictor(entry, engine), folder, data, films, grouping, unreadable, assessment, command)
        write_site_report(study, page)
        console.print(f"Wrote {PAGE_FILE} and {INDEX_FILE} into {page.folder}.", highlight=False)
    places = (out, entry.folder) if options.into_entry else (out,)
    if options.matched:
        matched = measure_matched(films, assessment.logits, grouping)
        print_matched(matched, films, data, entry.label, console)
        for place in places:
            write_outside(matched, films, data, {key: about[key] for key in _IDENTITY}, place)
            console.print(f"Wrote {OUTSIDE_FILE} into {place}.", highlight=False)
    if options.audit:
        words = "its validation films" if is_own else data
        audited = audit(Subject(entry, engine, shown, words, folder, films.paths, grouping), options.copies, console)
        print_audit(audited, console)
        for place in places:
            write_audit(audited, place)
            console.print(f"Wrote {' and '.join(AUDIT_FILES)} into {place}.", highlight=False)
    return Evaluation(assessment, out, unreadable)


def _print(assessment: Assessment, title: str, unreadable: int, console: Console) -> None:
    counts = f"{len(assessment.labels)} films, {unreadable} unreadable"
    table = Table("Metric", "Value", "95 % interval", title=f"{title}, at “{assessment.default}” ({counts})")
    for row in metric_rows(assessment, assessment.default):
        table.add_row(*row)
    console.print(table)
    console.print(f"Intervals: bootstrap of {assessment.patients} groups, {assessment.intervals}.", highlight=False)
    console.print(write_classification(assessment, assessment.default), markup=False, highlight=False)


def _describe_command(options: EvaluateOptions) -> str:
    """Answer the command line that asks for this page, by the names of folders, not by where they lie."""
    page = options.site_report
    given = {
        "--data": show_path(options.data.name),
        "--split": options.split,
        "--model": options.model,
        "--operating-point": options.operating_point,
        "--patients": options.patients.name if options.patients else None,
        "--report": page.folder.name if page else None,
        "--wanted-sensitivity": f"{page.wanted_sensitivity:g}" if page else None,
    }
    words = [word for option, value in given.items() if value for word in (option, value)]
    return shlex.join(["pneumoserve", "evaluate", *words, *(["--show-names"] if page and page.show_names else [])])
