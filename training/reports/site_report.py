"""`pneumoserve site-report`: a hospital's films → `report.html` and `index.csv`."""

from __future__ import annotations

import csv
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.predictor import Predictor
from app.names import LABELS
from training.data.layout import show_path
from training.evaluation.drift import Scores, measure_drift, read_validation_scores
from training.evaluation.evaluation import Evaluation, Selection
from training.reports.predictions import Predictions
from training.reports.site_figures import check_calibration, find_referral, find_threshold
from training.reports.site_page import Mistakes, Page, Picture, render
from training.reports.site_verdicts import SiteFindings
from training.reports.thumbnails import encode_jpeg

PAGE_FILE = "report.html"
INDEX_FILE = "index.csv"

_MOST_MISTAKES = 6
_LONGEST_SIDE = 448


@dataclass(frozen=True)
class SiteReportOptions:
    """How the page is made.

    Attributes:
        folder: receives it.
        wanted_sensitivity: of the threshold sought, 0 to 1.
        show_names: print file names, which can name patients.
    """

    folder: Path
    wanted_sensitivity: float = 0.95
    show_names: bool = False


def write_site_report(evaluation: Evaluation, options: SiteReportOptions) -> None:
    """Write page and index into a folder, made if missing.

    File names can name patients, and a page is passed on: films are numbered in the order of their paths; the index
    stays in the house.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    assessment, manifest, groups = evaluation.assessment, evaluation.entry.manifest, evaluation.grouping.groups
    training = read_validation_scores(evaluation.entry.folder)
    here = Scores(assessment.logits.astype(np.float64), assessment.labels.astype(np.int64), groups)
    band = manifest.refer_band
    referral = find_referral(assessment, groups, band) if band is not None else None
    refer = np.zeros(len(evaluation.films), bool) if referral is None else referral.films
    alarms, missed = _show_mistakes(evaluation, refer, options)
    findings = SiteFindings(
        manifest,
        assessment,
        check_calibration(assessment, manifest.calibration),
        None if training is None else measure_drift(training, here),
        referral,
        len(evaluation.unreadable),
    )
    page = Page(
        evaluation=evaluation,
        findings=findings,
        threshold=find_threshold(assessment, groups, options.wanted_sensitivity),
        training=training,
        false_alarms=alarms,
        missed=missed,
        patients=None if evaluation.grouping.rule.startswith("by image") else assessment.patients,
        command=_describe_command(evaluation.selection, options),
        date=datetime.now(UTC).date().isoformat(),
    )
    (options.folder / PAGE_FILE).write_text(render(page), "utf-8")
    _write_index(evaluation, refer, options.folder / INDEX_FILE)


def _show_mistakes(
    evaluation: Evaluation, refer: NDArray[np.bool_], options: SiteReportOptions
) -> tuple[Mistakes, Mistakes]:
    """Return false alarms and missed pneumonias."""
    assessment = evaluation.assessment
    (_, alarms), (missed, _) = assessment.confusion(assessment.default).tolist()
    predictor = Predictor(evaluation.entry, evaluation.engine)
    chosen = [indices[:_MOST_MISTAKES] for indices in Predictions.of_assessment(assessment).mistakes()]
    pictures = [
        [_picture(evaluation, predictor, index, bool(refer[index]), options) for index in indices.tolist()]
        for indices in chosen
    ]
    return Mistakes(pictures[0], alarms), Mistakes(pictures[1], missed)


def _picture(
    evaluation: Evaluation, predictor: Predictor, index: int, is_referred: bool, options: SiteReportOptions
) -> Picture:
    """Return a film shrunk for the page, and its activation map over it."""
    path, assessment = evaluation.films.paths[index], evaluation.assessment
    data = (evaluation.folder / path).read_bytes()
    explained = predictor.explain(data, operating_point=assessment.default, gate="off", max_side=_LONGEST_SIDE)
    return Picture(
        number=index + 1,
        name=show_path(path) if options.show_names else None,
        label=LABELS[evaluation.films.labels[index]],
        probability=float(assessment.probabilities[index]),
        is_referred=is_referred,
        film=encode_jpeg(explained.film),
        activation=encode_jpeg(cv2.cvtColor(explained.picture, cv2.COLOR_RGB2BGR).astype(np.uint8, copy=False)),
    )


def _write_index(evaluation: Evaluation, refer: NDArray[np.bool_], path: Path) -> None:
    assessment, labels = evaluation.assessment, evaluation.entry.manifest.labels
    called = assessment.predicted(assessment.default)
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["film", "path", "probability", "class", "refer", "error"])
        for index, name in enumerate(evaluation.films.paths):
            probability, label = f"{assessment.probabilities[index]:.6f}", labels[int(called[index])]
            table.writerow([index + 1, show_path(name), probability, label, str(bool(refer[index])).lower(), ""])
        for file in evaluation.unreadable:
            table.writerow(["", file.path, "", "", "", file.reason])


def _describe_command(selection: Selection, options: SiteReportOptions) -> str:
    """Return the command line that makes this page; folders are named, not located."""
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
