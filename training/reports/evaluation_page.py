"""An evaluation → the page that `evaluate --html` writes."""

from __future__ import annotations

from app.names import LABELS
from training.data.layout import show_path
from training.evaluation.evaluation import Evaluation
from training.reports.film_cards import MOST_ERRORS, MOST_MISTAKES, Card, Cards, FilmPage, Performance
from training.reports.predictions import Indices, Predictions


def describe_evaluation(evaluation: Evaluation) -> FilmPage:
    """Return the page of an evaluation: its metrics, most confident mistakes, and unreadable files."""
    assessment, entry = evaluation.assessment, evaluation.entry
    predictions = Predictions.of_assessment(assessment)
    alarms, missed = (_show_mistakes(evaluation, indices) for indices in predictions.mistakes())
    counts = ", ".join(f"{count} {label}" for label, count in evaluation.films.count().items())
    unreadable = [
        Card(None, file.path, error="unreadable", detail=file.reason) for file in evaluation.unreadable[:MOST_ERRORS]
    ]
    threshold = entry.manifest.calibration.probability(evaluation.threshold)
    return FilmPage(
        title=f"{entry.label} on {evaluation.data}",
        facts={
            "Model": entry.label,
            "Operating point": f"{evaluation.point}: PNEUMONIA from a probability of {threshold:.6f}",
            "Films": str(len(evaluation.films)),
            "Unreadable": str(len(evaluation.unreadable)),
        },
        performance=Performance(predictions, [f"{len(evaluation.films)} labelled films: {counts}."], alarms, missed),
        errors=Cards(unreadable, len(evaluation.unreadable)),
        error_counts={"unreadable": len(evaluation.unreadable)},
    )


def _show_mistakes(evaluation: Evaluation, indices: Indices) -> Cards:
    assessment, band = evaluation.assessment, evaluation.entry.manifest.refer_band
    predicted = assessment.predicted(assessment.default)
    refer = predicted & False if band is None else band.contains(assessment.logits.astype("float64"))
    shown = [
        Card(
            file=str(evaluation.folder / evaluation.films.paths[index]),
            name=show_path(evaluation.films.paths[index]),
            label=LABELS[evaluation.films.labels[index]],
            predicted=LABELS[int(predicted[index])],
            probability=float(assessment.probabilities[index]),
            refer=bool(refer[index]),
        )
        for index in indices[:MOST_MISTAKES].tolist()
    ]
    return Cards(shown, len(indices))
