"""The commands that measure a model on labelled films: evaluate · audit · site-report.

Each imports its libraries when called.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import DEFAULT_STORE, ModelOption, OperatingPointOption, PatientsOption, StoreOption, errors_in_one_line

if TYPE_CHECKING:
    from training.evaluation.evaluation import Evaluation

DataOption = Annotated[
    Path, typer.Option(help="The films: a folder with NORMAL and PNEUMONIA below it, or the Kaggle layout.")
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        help="Read only this part of the Kaggle layout: train, val or test; or validation, the films that the model's "
        "thresholds were chosen on. By default all films below --data."
    ),
]


def evaluate(
    data: DataOption,
    split: SplitOption = None,
    model: ModelOption = None,
    operating_point: OperatingPointOption = None,
    patients: PatientsOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for report, plots and metrics.json. By default one in work/.")
    ] = None,
    matched: Annotated[
        bool,
        typer.Option("--matched", help="Measure on films matched in brightness, contrast and sharpness, too."),
    ] = False,
    into_entry: Annotated[
        bool,
        typer.Option("--into-entry", help="As --matched, and keep these metrics in the model's folder of the store."),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Also write one page with ROC, calibration and the most confident mistakes. It holds X-ray images and "
            "names. By default none is written."
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    audit: Annotated[bool, typer.Option("--audit", hidden=True)] = False,
    copies: Annotated[Path | None, typer.Option(hidden=True)] = None,
    report: Annotated[Path | None, typer.Option(hidden=True)] = None,
    wanted_sensitivity: Annotated[float, typer.Option(min=0.01, max=1.0, hidden=True)] = 0.95,
    show_names: Annotated[bool, typer.Option("--show-names", hidden=True)] = False,
) -> None:
    """Measure a model on labelled films: metrics with intervals, and plots. Status 1 where a file is unreadable."""
    if audit or copies:
        _warn_of_old_option("--audit", "audit")
    if report or show_names or wanted_sensitivity != 0.95:
        _warn_of_old_option("--report", "site-report")
    with errors_in_one_line():
        from app.errors import InvalidParameter

        if copies and not audit:
            raise InvalidParameter("Expected --audit with --copies. Received --copies alone.")
        from training.evaluate import audit as audit_model
        from training.evaluate import evaluate as evaluate_model
        from training.evaluate import report_site
        from training.reports.private_page import check_page
        from training.reports.site_report import SiteReportOptions

        if html:
            check_page(html)
        evaluation = _open(data, split, model, operating_point, patients, store, needs_both_classes=report is None)
        is_matched = matched or (into_entry and not audit)
        folder = evaluate_model(evaluation, out or report, matched=is_matched, into_entry=into_entry, html=html)
        if report:
            report_site(evaluation, SiteReportOptions(report, wanted_sensitivity, show_names))
        if audit:
            audit_model(evaluation, folder, copies=copies, into_entry=into_entry)
    raise typer.Exit(1 if evaluation.unreadable else 0)


def audit(
    data: DataOption,
    split: SplitOption = None,
    model: ModelOption = None,
    operating_point: OperatingPointOption = None,
    patients: PatientsOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder for audit.json and its plot. By default one in work/.")
    ] = None,
    copies: Annotated[
        Path | None,
        typer.Option(help="A folder with the same file names, to compare film by film. By default none is compared."),
    ] = None,
    explanations: Annotated[
        bool,
        typer.Option("--explanations", help="Check the class activation maps, too, into explanations.json."),
    ] = False,
    lungs: Annotated[
        Path | None,
        typer.Option(
            help="The network of `train-lungs`, for --explanations: evidence outside the lungs. Default: none."
        ),
    ] = None,
    into_entry: Annotated[
        bool,
        typer.Option("--into-entry", help="Keep the audit in the model's folder of the store, too, and on its card."),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Measure what shortcut features alone reach, and how perturbed films change a model's answers.

    Status 1 where a file is unreadable.
    """
    # TensorFlow's notes on CUDA and oneDNN drown the progress bar.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with errors_in_one_line():
        from app.errors import InvalidParameter
        from training.evaluate import audit as audit_model

        if lungs and not explanations:
            raise InvalidParameter("Expected --explanations with --lungs. Received --lungs alone.")
        evaluation = _open(data, split, model, operating_point, patients, store)
        audit_model(evaluation, out, copies=copies, explanations=explanations, lungs=lungs, into_entry=into_entry)
    raise typer.Exit(1 if evaluation.unreadable else 0)


def site_report(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The folder for report.html and index.csv.")],
    split: SplitOption = None,
    model: ModelOption = None,
    operating_point: OperatingPointOption = None,
    patients: PatientsOption = None,
    wanted_sensitivity: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="The sensitivity that a threshold is sought for.")
    ] = 0.95,
    show_names: Annotated[
        bool, typer.Option("--show-names", help="Print file names on the page, which can name patients.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write a hospital's own page: how a model performs on its films. Status 1 where a file is unreadable."""
    with errors_in_one_line():
        from training.evaluate import report_site
        from training.reports.site_report import SiteReportOptions

        evaluation = _open(data, split, model, operating_point, patients, store, needs_both_classes=False)
        report_site(evaluation, SiteReportOptions(out, wanted_sensitivity, show_names))
    raise typer.Exit(1 if evaluation.unreadable else 0)


def _open(
    data: Path,
    split: str | None,
    model: str | None,
    operating_point: str | None,
    patients: Path | None,
    store: Path,
    *,
    needs_both_classes: bool = True,
) -> Evaluation:
    from rich.console import Console

    from training.evaluation.evaluation import Selection, open_evaluation

    selection = Selection(
        data=data, store=store, model=model, operating_point=operating_point, patients=patients, split=split
    )
    return open_evaluation(selection, Console(), needs_both_classes=needs_both_classes)


def _warn_of_old_option(option: str, command: str) -> None:
    typer.echo(
        f"`evaluate {option}` is a command of its own now, and goes with the next version: call "
        f"`pneumoserve {command}`.",
        err=True,
    )
