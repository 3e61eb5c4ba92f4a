"""`pneumoserve evaluate`, `audit` and `site-report`, by the serving engine; only checks of maps need TensorFlow."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.audit.audit import audit as audit_model
from training.audit.explanations_record import EXPLANATIONS_FILE, Explanations, write_explanations
from training.audit.explanations_text import describe_explanations
from training.audit.files import AUDIT_FILES, write_audit
from training.audit.matched import measure_matched
from training.audit.matched_text import OUTSIDE_FILE, print_matched, write_outside
from training.audit.text import print_audit, print_sections
from training.data.layout import make_writable
from training.evaluation.assessment import Assessment
from training.evaluation.assessment_files import write_metrics, write_report
from training.evaluation.assessment_text import metric_rows, write_classification
from training.evaluation.evaluation import Evaluation
from training.reports.card import rewrite_card
from training.reports.evaluation_page import describe_evaluation
from training.reports.film_page import render_film_page
from training.reports.private_page import describe_page, write_page
from training.reports.site_report import INDEX_FILE, PAGE_FILE, SiteReportOptions, write_site_report


def evaluate(
    evaluation: Evaluation,
    out: Path | None = None,
    *,
    matched: bool = False,
    into_entry: bool = False,
    html: Path | None = None,
) -> Path:
    """Print the metrics; write report, plots and `metrics.json`, and return their folder.

    Args:
        evaluation: model and films.
        out: None: a folder of `work/`.
        matched: also on films matched in brightness, contrast and sharpness.
        into_entry: also keep these in the model's folder.
        html: also write a page with the most confident mistakes.

    Raises:
        PneumoServeError: the folder cannot be written to.
    """
    out = evaluation.make_folder(out, "evaluate")
    entry, films, assessment = evaluation.entry, evaluation.films, evaluation.assessment
    title = f"{entry.label} on {evaluation.data}"
    plots = write_report(assessment, out, title)
    # Entries hold no path of a film.
    identity: dict[str, object] = {
        "model": entry.label,
        "model_sha256": entry.manifest.sha256.model_keras,
        "data_fingerprint": films.fingerprint(),
    }
    unreadable = [{"path": file.path, "reason": file.reason} for file in evaluation.unreadable]
    write_metrics(assessment, out, {**identity, "unreadable": unreadable})
    _print(assessment, title, len(unreadable), evaluation.console)
    evaluation.report_written(f"report.txt, metrics.json, {', '.join(plots)}", out)
    if html is not None:
        write_page(html, render_film_page(describe_evaluation(evaluation)))
        evaluation.console.print(describe_page(html), markup=False, highlight=False, soft_wrap=True)
    if matched:
        measured = measure_matched(films, assessment.logits, evaluation.grouping)
        print_matched(measured, films, evaluation.data, entry.label, evaluation.console)
        for place in (out, entry.folder) if into_entry else (out,):
            write_outside(measured, films, evaluation.data, identity, place)
            evaluation.report_written(OUTSIDE_FILE, place)
    return out


def audit(
    evaluation: Evaluation,
    out: Path | None = None,
    *,
    copies: Path | None = None,
    explanations: bool = False,
    lungs: Path | None = None,
    into_entry: bool = False,
) -> Path:
    """Audit the model; print and write the audit, and return its folder.

    Args:
        evaluation: model and films.
        out: None: a folder of `work/`.
        copies: a folder with the same films in another form, to compare.
        explanations: also check the class activation maps, by Keras.
        lungs: a network of `train-lungs`, for the evidence outside the lungs.
        into_entry: also keep the audit in the model's folder, and on its card.

    Raises:
        PneumoServeError: the folder cannot be written to, `copies` has no such film, `lungs` holds no lung network, or
            the model has no exact map to check.
    """
    out = evaluation.make_folder(out, "audit")
    explained = _explain(evaluation, lungs) if explanations else None
    audited = audit_model(evaluation, copies)
    print_audit(audited, evaluation.console)
    if explained:
        print_sections(describe_explanations(explained), evaluation.console)
    for place in (out, evaluation.entry.folder) if into_entry else (out,):
        write_audit(audited, place)
        if explained:
            write_explanations(explained, place)
        evaluation.report_written(", ".join((*AUDIT_FILES, *([EXPLANATIONS_FILE] if explained else []))), place)
    if into_entry and rewrite_card(evaluation.entry.folder):
        evaluation.report_written("MODEL_CARD.md", evaluation.entry.folder)
    return out


def _explain(evaluation: Evaluation, lungs: Path | None) -> Explanations:
    # Keras, which nothing else here needs.
    from training.audit.explanations import measure_explanations
    from training.fitting.sources import open_lung_network

    return measure_explanations(evaluation, open_lung_network(lungs) if lungs else None)


def report_site(evaluation: Evaluation, options: SiteReportOptions) -> None:
    """Write a hospital's page, and the index of its films.

    Raises:
        PneumoServeError: the folder cannot be written to.
    """
    make_writable(options.folder)
    write_site_report(evaluation, options)
    evaluation.report_written(f"{PAGE_FILE} and {INDEX_FILE}", options.folder)


def _print(assessment: Assessment, title: str, unreadable: int, console: Console) -> None:
    counts = f"{len(assessment.labels)} films, {unreadable} unreadable"
    table = Table("Metric", "Value", "95 % interval", title=f"{title}, at “{assessment.default}” ({counts})")
    for row in metric_rows(assessment.metrics[assessment.default]):
        table.add_row(*row)
    console.print(table)
    console.print(f"Intervals: bootstrap of {assessment.patients} groups, {assessment.intervals}.", highlight=False)
    console.print(write_classification(assessment, assessment.default), markup=False, highlight=False)
