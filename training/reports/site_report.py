"""`pneumoserve site-report`: a hospital's films → `report.html`, and `index.csv`: which film is which."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.preprocess import inspect_film, shrink
from app.imaging.raster import decode
from app.inference.explain import plot_cam
from app.inference.predictor import Predictor
from app.names import LABELS
from app.version import package_version
from training.data.films import Films
from training.data.layout import show_path
from training.data.listing import Unreadable
from training.data.patients import Grouping
from training.evaluation.assessment import Assessment
from training.evaluation.drift import Scores, measure_drift, read_validation_scores
from training.reports.site_figures import check_calibration, find_referral, find_threshold, most_confident_mistakes
from training.reports.site_page import Mistakes, Page, Picture, render
from training.reports.site_verdicts import SiteFindings

PAGE_FILE = "report.html"
INDEX_FILE = "index.csv"

_MOST_MISTAKES = 6
_LONGEST_SIDE = 448
_JPEG_QUALITY = 82


@dataclass(frozen=True)
class SiteReportOptions:
    """How the page is made.

    Attributes:
        folder: that receives it.
        wanted_sensitivity: for which a threshold is sought, 0 to 1.
        show_names: whether file names, which can name patients, stand on the page.
    """

    folder: Path
    wanted_sensitivity: float = 0.95
    show_names: bool = False


@dataclass(frozen=True)
class Study:
    """A model and the films that it was measured on.

    Attributes:
        predictor: of the model.
        folder: that the films' paths start from.
        data: what the folder is called in words.
        films: that could be read.
        grouping: their patients.
        unreadable: the files that could not.
        assessment: of the films.
        command: that asked for the page.
    """

    predictor: Predictor
    folder: Path
    data: str
    films: Films
    grouping: Grouping
    unreadable: tuple[Unreadable, ...]
    assessment: Assessment
    command: str


def write_site_report(study: Study, options: SiteReportOptions) -> None:
    """Write the page and the index into a folder, made if it is missing.

    The page names no file unless asked to: file names can name patients, and a page is passed on. Films are numbered
    in the order of their paths; the index, which stays in the house, says which number is which file.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    assessment, manifest, groups = study.assessment, study.predictor.manifest, study.grouping.groups
    training = read_validation_scores(study.predictor.entry.folder)
    here = Scores(assessment.logits.astype(np.float64), assessment.labels.astype(np.int64), groups)
    band = manifest.refer_band
    referral = find_referral(assessment, groups, band) if band is not None else None
    findings = SiteFindings(
        manifest,
        assessment,
        check_calibration(assessment, manifest.calibration),
        None if training is None else measure_drift(training, here),
        referral,
        len(study.unreadable),
    )
    refer = np.zeros(len(study.films), bool) if referral is None else referral.films
    said = assessment.predicted(assessment.default)
    wrong = (np.sum(said & (assessment.labels == 0)), np.sum(~said & (assessment.labels == 1)))
    alarms, missed = (
        Mistakes([_picture(study, index, bool(refer[index]), options) for index in chosen.tolist()], int(count))
        for chosen, count in zip(most_confident_mistakes(assessment, _MOST_MISTAKES), wrong, strict=True)
    )
    count = " and ".join(f"{number} {label}" for label, number in study.films.count().items())
    page = Page(
        title=f"How {study.predictor.entry.label} reads your films",
        summary=f"{len(study.films)} films ({count}) of {_count_patients(study)}, {_today()}.",
        findings=findings,
        threshold=find_threshold(assessment, groups, options.wanted_sensitivity),
        training=training,
        false_alarms=alarms,
        missed=missed,
        facts=_state_facts(study),
        limits=_state_limits(study),
    )
    (options.folder / PAGE_FILE).write_text(render(page), "utf-8")
    _write_index(study, refer, options.folder / INDEX_FILE)


def _picture(study: Study, index: int, is_referred: bool, options: SiteReportOptions) -> Picture:
    """Return a film unperturbed, shrunk for the page, and its activation map over it."""
    path = study.films.paths[index]
    data = (study.folder / path).read_bytes()
    gray, _ = decode(data, inspect_film(data))
    rows, columns = gray.shape
    scale = min(1.0, _LONGEST_SIDE / max(rows, columns))
    film = shrink(gray, width=max(1, round(columns * scale)), height=max(1, round(rows * scale)))
    prediction = study.predictor.predict(data, operating_point=study.assessment.default, maps="cam")
    # The model sees the film squeezed to a square: its map, stretched back, lies where it belongs.
    values = np.array(prediction.maps[0].values, np.float32)
    plot = plot_cam(film, values, method=prediction.maps[0].method, layer=None, bias=None)
    over = cv2.imdecode(np.frombuffer(plot.png, np.uint8), cv2.IMREAD_COLOR)
    return Picture(
        number=index + 1,
        name=show_path(path) if options.show_names else None,
        label=LABELS[study.films.labels[index]],
        probability=float(study.assessment.probabilities[index]),
        is_referred=is_referred,
        film=_encode(film),
        activation=_encode(np.asarray(over, np.uint8)),
    )


def _encode(picture: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"Expected a picture that JPEG can hold. Received one of shape {picture.shape}.")
    return data.tobytes()


def _write_index(study: Study, refer: NDArray[np.bool_], path: Path) -> None:
    said = study.assessment.predicted(study.assessment.default)
    labels = study.predictor.manifest.labels
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["film", "path", "probability", "class", "refer", "error"])
        for index, name in enumerate(study.films.paths):
            probability = f"{study.assessment.probabilities[index]:.6f}"
            table.writerow(
                [index + 1, show_path(name), probability, labels[int(said[index])], str(bool(refer[index])).lower(), ""]
            )
        for file in study.unreadable:
            table.writerow(["", file.path, "", "", "", file.reason])


def _state_facts(study: Study) -> list[tuple[str, str]]:
    manifest = study.predictor.manifest
    facts = [
        ("Model", f"{study.predictor.entry.label}, made {manifest.created[:10]}"),
        ("sha256 of its weights", manifest.sha256.model_keras),
        ("Films", f"{study.data}: {study.films.count()}".replace("{", "").replace("}", "").replace("'", "")),
        ("Patients", f"{_count_patients(study)}; {study.grouping.rule}"),
        ("Fingerprint of the films", study.films.fingerprint()),
        ("Files that could not be read", str(len(study.unreadable))),
    ]
    for reason, count in Counter(file.reason for file in study.unreadable).most_common(5):
        facts.append(("", f"{count} × {reason}"))
    facts += [
        ("Date", _today()),
        ("Command", study.command),
        ("PneumoServe", package_version()),
        ("Which film is which", f"{INDEX_FILE}, beside this page; it holds file names: keep it in the house"),
    ]
    return facts


def _state_limits(study: Study) -> list[str]:
    manifest = study.predictor.manifest
    return [
        manifest.intended_use,
        *(notice.detail for notice in manifest.notices),
        "These figures hold for films like these: of this machine, of patients like these, chosen as these were.",
        "The labels are taken as they came; where they are wrong, so are the figures.",
        "The model cannot tell a chest film from another picture, nor name any finding but pneumonia.",
    ]


def _count_patients(study: Study) -> str:
    if study.grouping.rule.startswith("by image"):
        return "unknown patients"
    return f"{study.assessment.patients} patients"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
