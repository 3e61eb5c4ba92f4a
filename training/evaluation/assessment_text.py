"""An assessment → rows and text for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.metrics import METRICS, Metric

_NAMES = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity (recall)",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
}


def metric_rows(metrics: Mapping[str, Metric]) -> list[tuple[str, str, str]]:
    """Return (name, value, interval or note) of every metric of `binary_metrics`."""
    return [(_NAMES[name], metrics[name].format_value(), _interval(metrics[name])) for name in METRICS]


def write_text(assessment: Assessment, title: str) -> str:
    """Return metrics, classification report and confusion matrix at each operating point."""
    parts = [
        title,
        "=" * len(title),
        f"95 % bootstrap intervals of {assessment.patients} groups, {assessment.intervals}.",
    ]
    for name, threshold in assessment.operating_points.items():
        default = " (default)" if name == assessment.default else ""
        parts += ["", f"Operating point {name}{default}: PNEUMONIA from logit {threshold:.4f}", ""]
        parts += [f"  {row[0]:<24} {row[1]:>7}  {row[2]}" for row in metric_rows(assessment.metrics[name])]
        parts += ["", write_classification(assessment, name)]
    return "\n".join(parts) + "\n"


def write_classification(assessment: Assessment, operating_point: str) -> str:
    """Return scikit-learn's classification report, and the confusion matrix."""
    from sklearn.metrics import classification_report

    predicted = assessment.predicted(operating_point).astype(int)
    report = classification_report(
        assessment.labels, predicted, labels=[0, 1], target_names=LABELS, digits=3, zero_division=np.nan
    )
    report = report.replace("nan", "  –")  # a proportion of no films
    columns = "".join(f"{f'predicted {label}':>22}" for label in LABELS)
    lines = [report.rstrip(), "", f"{'confusion matrix':>20}{columns}"]
    for label, row in zip(LABELS, assessment.confusion(operating_point), strict=True):
        lines.append(f"{label:>20}" + "".join(f"{count:22d}" for count in row))
    return "\n".join(lines)


def _interval(metric: Metric) -> str:
    interval = metric.format_interval()
    return interval if metric.low is None else f"({interval})"
