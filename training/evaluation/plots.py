"""An assessment, or a training's history → plots (PNG); no metric is computed here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.curves import reliability, roc

# Okabe and Ito (2008): distinct in every colour vision, and in gray.
COLOURS = dict(zip(LABELS, ("#0072B2", "#D55E00"), strict=True))
UNIT = (-0.02, 1.02)
"""Limits that show markers at 0 and 1 whole."""


def plot_assessment(assessment: Assessment, path: Path, title: str) -> None:
    """Plot confusion matrix, ROC curve, scores by label and reliability diagram."""
    figure, axes = make_panels(title, 2, 2)
    _plot_confusion(axes[0], assessment)
    _plot_roc(axes[1], assessment)
    _plot_scores(axes[2], assessment)
    predicted, observed, _ = reliability(assessment.labels, assessment.probabilities)
    prepare_reliability(axes[3], len(predicted))
    axes[3].plot(predicted, observed, "o-", color=COLOURS["NORMAL"])
    axes[3].set_title("Reliability diagram", fontsize=10)
    save_figure(figure, path)


def write_learning_curves(history: list[dict[str, float]], folder: Path, *, is_blended: bool = False) -> str:
    """Plot loss and accuracy of every epoch as `learning_curves.png`, and return that name.

    Blended labels (mixup, smoothing) leave training accuracy undefined.
    """
    figure, axes = make_panels("Learning curves (training films augmented, validation films plain)", 1, 2)
    epochs = [epoch["epoch"] for epoch in history]
    for axis, key, label in ((axes[0], "loss", "Binary cross-entropy"), (axes[1], "accuracy", "Accuracy at 0.5")):
        if key == "loss" or not is_blended:
            axis.plot(epochs, [epoch[key] for epoch in history], "o-", color=COLOURS["NORMAL"], label="training")
        validation = [epoch[f"val_{key}"] for epoch in history]
        axis.plot(epochs, validation, "s--", color=COLOURS["PNEUMONIA"], label="validation")
        axis.set(xlabel="Epoch", ylabel=label)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(frameon=False)
    save_figure(figure, folder / "learning_curves.png")
    return "learning_curves.png"


def make_panels(
    title: str, rows: int, columns: int, width: float = 4.6, height: float = 4.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels, each `width` × `height` inches; return it and them, row by row."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.suptitle(title, fontsize=11)
    axes = [figure.add_subplot(rows, columns, number + 1) for number in range(rows * columns)]
    for axis in axes:
        axis.grid(visible=True, alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: Figure, path: Path) -> None:
    """Save a figure as PNG; the same figure gives the same bytes."""
    # Without Matplotlib's version.
    figure.savefig(path, dpi=110, metadata={"Software": None})


def prepare_reliability(axis: Axes, bins: int) -> None:
    """Prepare the axis of a reliability diagram."""
    axis.plot([0, 1], [0, 1], ":", color="gray")
    axis.set(xlabel=f"Mean predicted probability, {bins} bins of equal mass", ylabel="Proportion of PNEUMONIA")
    axis.set(xlim=UNIT, ylim=UNIT)


def _plot_confusion(axis: Axes, assessment: Assessment) -> None:
    cells = assessment.confusion(assessment.default)
    rates = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    axis.imshow(rates, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(cells):
        ink = "white" if rates[row, column] > 0.5 else "black"
        axis.text(column, row, f"{count}\n{rates[row, column]:.1%}", ha="center", va="center", color=ink)
    axis.set(xticks=[0, 1], yticks=[0, 1], xticklabels=LABELS, yticklabels=LABELS, xlabel="Predicted", ylabel="Label")
    axis.set_title(f"Confusion matrix at “{assessment.default}”", fontsize=10)
    axis.grid(visible=False)


def _plot_roc(axis: Axes, assessment: Assessment) -> None:
    axis.set(xlabel="1 - specificity", ylabel="Sensitivity", xlim=UNIT, ylim=UNIT)
    axis.set_title("ROC with the operating points", fontsize=10)
    curve = roc(assessment.labels, assessment.logits)
    if curve is None:
        axis.text(0.5, 0.5, "undefined: films of one class", ha="center")
        return
    axis.plot(*curve, color=COLOURS["NORMAL"], label=f"AUC {assessment.metrics[assessment.default]['auc']}")
    axis.plot([0, 1], [0, 1], ":", color="gray")
    for marker, (name, metrics) in zip("os^Dv", assessment.metrics.items(), strict=False):
        sensitivity, specificity = metrics["sensitivity"].value, metrics["specificity"].value
        if sensitivity is not None and specificity is not None:
            axis.plot(1 - specificity, sensitivity, marker, color=COLOURS["PNEUMONIA"], label=name)
    axis.legend(frameon=False, loc="lower right")


def _plot_scores(axis: Axes, assessment: Assessment) -> None:
    bins = list(np.linspace(0, 1, 41))
    for number, label in enumerate(LABELS):
        chosen = assessment.probabilities[assessment.labels == number]
        axis.hist(chosen, bins=bins, histtype="stepfilled", alpha=0.45, color=COLOURS[label], label=label)
    axis.set_yscale("symlog", linthresh=1)
    axis.set(xlabel="Probability of PNEUMONIA", ylabel="Films (log)", xlim=(0, 1))
    axis.set_title("Scores by label", fontsize=10)
    axis.legend(frameon=False)
