"""An assessment → plots (PNG) and a text, for people; no figure is computed here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.metrics import ECE_BINS, METRICS, Metric

# Blue and vermilion of Okabe and Ito (2008): told apart by every kind of colour vision, and in gray.
COLOURS = dict(zip(LABELS, ("#0072B2", "#D55E00"), strict=True))
_NAMES = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity (recall)",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "brier": "Brier score",
    "ece": "Calibration error (ECE)",
}
EpochFigures = dict[str, float]


def metric_rows(assessment: Assessment, operating_point: str) -> list[tuple[str, str, str]]:
    """Answer (name, value, interval or note) of every metric, in words for a table."""
    figures = assessment.metrics[operating_point]
    return [(_NAMES[name], figures[name].format_value(), _interval(figures[name])) for name in METRICS]


def write_text(assessment: Assessment, title: str) -> str:
    """Answer the report as text: at each operating point the metrics, the classification report, the confusions."""
    parts = [
        title,
        "=" * len(title),
        f"95 % bootstrap intervals of {assessment.patients} groups, {assessment.intervals}.",
    ]
    for name, threshold in assessment.operating_points.items():
        default = " (default)" if name == assessment.default else ""
        parts += ["", f"Operating point {name}{default}: PNEUMONIA from logit {threshold:.4f}", ""]
        parts += [f"  {row[0]:<24} {row[1]:>7}  {row[2]}" for row in metric_rows(assessment, name)]
        parts += ["", write_classification(assessment, name)]
    return "\n".join(parts) + "\n"


def write_classification(assessment: Assessment, operating_point: str) -> str:
    """Answer scikit-learn's classification report and the confusion matrix at one operating point, as text."""
    from sklearn.metrics import classification_report

    said = assessment.predicted(operating_point).astype(int)
    report = classification_report(
        assessment.labels, said, labels=[0, 1], target_names=LABELS, digits=3, zero_division=np.nan
    )
    report = report.replace("nan", "  –")  # a share of no films
    lines = [report.rstrip(), "", f"{'confusion matrix':>20}   said NORMAL   said PNEUMONIA"]
    for label, (normal, pneumonia) in zip(LABELS, assessment.confusion(operating_point), strict=True):
        lines.append(f"{label:>20} {normal:13d} {pneumonia:16d}")
    return "\n".join(lines)


def write_report(assessment: Assessment, folder: Path, title: str, prefix: str = "") -> list[str]:
    """Write `report.txt` and the plots of an assessment into a folder, and answer the names of the plots.

    Args:
        assessment: what is shown.
        folder: made if it is missing.
        title: the first line of the text, and above the plots.
        prefix: before each file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{prefix}report.txt").write_text(write_text(assessment, title), "utf-8")
    figure, axes = make_panels(title, 2, 2)
    _draw_confusion(axes[0], assessment)
    _draw_roc(axes[1], assessment)
    _draw_scores(axes[2], assessment)
    _draw_reliability(axes[3], assessment)
    name = f"{prefix}report.png"
    save_figure(figure, folder / name)
    return [name]


def write_learning_curves(history: list[EpochFigures], folder: Path, *, is_blended: bool = False) -> str:
    """Write the loss and the accuracy of every epoch as `learning_curves.png`, and answer that name.

    Of blended labels (mixup, smoothing) there is no training accuracy to speak of: it is left out.
    """
    figure, axes = make_panels("Learning curves (training films augmented, validation films plain)", 1, 2)
    epochs = [figures["epoch"] for figures in history]
    for axis, key, label in ((axes[0], "loss", "Binary cross-entropy"), (axes[1], "accuracy", "Accuracy at 0.5")):
        if key == "loss" or not is_blended:
            axis.plot(epochs, [f[key] for f in history], "o-", color=COLOURS["NORMAL"], label="training")
        axis.plot(epochs, [f[f"val_{key}"] for f in history], "s--", color=COLOURS["PNEUMONIA"], label="validation")
        axis.set(xlabel="Epoch", ylabel=label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False)
    save_figure(figure, folder / "learning_curves.png")
    return "learning_curves.png"


def write_metrics(assessment: Assessment, folder: Path, about: dict[str, object]) -> None:
    """Write `metrics.json`: `about` and everything that was measured."""
    text = json.dumps({**about, **assessment.to_json()}, indent=1)
    (folder / "metrics.json").write_text(text + "\n")


def _draw_confusion(axis: Axes, assessment: Assessment) -> None:
    cells = assessment.confusion(assessment.default)
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(cells):
        ink = "white" if shares[row, column] > 0.5 else "black"
        axis.text(column, row, f"{count}\n{shares[row, column]:.1%}", ha="center", va="center", color=ink)
    axis.set(xticks=[0, 1], yticks=[0, 1], xticklabels=LABELS, yticklabels=LABELS, xlabel="Said", ylabel="Label")
    axis.set_title(f"Confusion matrix at “{assessment.default}”", fontsize=10)
    axis.grid(visible=False)


def _draw_roc(axis: Axes, assessment: Assessment) -> None:
    axis.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axis.set_title("ROC with the operating points", fontsize=10)
    if len(np.unique(assessment.labels)) < 2:
        axis.text(0.5, 0.5, "undefined: films of one class", ha="center")
        return
    from sklearn.metrics import roc_curve

    false_alarms, hits, _ = roc_curve(assessment.labels, assessment.logits)
    auc = assessment.metrics[assessment.default]["auc"]
    axis.plot(false_alarms, hits, color=COLOURS["NORMAL"], label=f"AUC {auc}")
    axis.plot([0, 1], [0, 1], ":", color="gray")
    for marker, (name, figures) in zip("os^Dv", assessment.metrics.items(), strict=False):
        sensitivity, specificity = figures["sensitivity"].value, figures["specificity"].value
        if sensitivity is not None and specificity is not None:
            axis.plot(1 - specificity, sensitivity, marker, color=COLOURS["PNEUMONIA"], label=name)
    axis.legend(frameon=False, loc="lower right")


def _draw_scores(axis: Axes, assessment: Assessment) -> None:
    bins = list(np.linspace(0, 1, 41))
    for number, label in enumerate(LABELS):
        chosen = assessment.probabilities[assessment.labels == number]
        axis.hist(chosen, bins=bins, histtype="stepfilled", alpha=0.45, color=COLOURS[label], label=label)
    axis.set_yscale("symlog", linthresh=1)
    axis.set(xlabel="Probability of PNEUMONIA", ylabel="Films (log)", xlim=(0, 1))
    axis.set_title("Scores by label", fontsize=10)
    axis.legend(frameon=False)


def _draw_reliability(axis: Axes, assessment: Assessment) -> None:
    order = np.argsort(assessment.probabilities, kind="stable")
    bins = [chosen for chosen in np.array_split(order, ECE_BINS) if chosen.size]
    said = [assessment.probabilities[chosen].mean() for chosen in bins]
    found = [assessment.labels[chosen].mean() for chosen in bins]
    axis.plot([0, 1], [0, 1], ":", color="gray")
    axis.plot(said, found, "o-", color=COLOURS["NORMAL"])
    axis.set(xlabel="Mean probability said", ylabel="Share with PNEUMONIA", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axis.set_title(f"Reliability, {len(bins)} bins of equal size", fontsize=10)


def make_panels(
    title: str, rows: int, columns: int, width: float = 4.6, height: float = 4.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `rows` × `columns` panels of `width` × `height` inches, and answer it with them, row by row."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(rows * columns)]
    for axis in axes:
        axis.grid(visible=True, alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure as PNG."""
    # Without the version of matplotlib, the same figures give the same bytes.
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _interval(metric: Metric) -> str:
    interval = metric.format_interval()
    return interval if metric.low is None else f"({interval})"
