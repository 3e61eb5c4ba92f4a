"""The figures of a `model.json`, or of an `audit.json`, as Markdown tables; no figure is computed here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.evaluation.metrics import METRICS

# JSON as training wrote it: `finish`, `dataset` and `audit` are its only writers.
Figures = dict[str, Any]


def describe_figures(figures: Figures) -> str:
    """Answer the figures of one set of films: as sent, altered where it was, and the predictive values."""
    parts = [
        f"{count_films(figures['films'])}, {figures['patients']} patients. Intervals: {figures['intervals']}.",
        _describe_points(figures),
    ]
    if altered := figures.get("altered"):
        parts += [
            f"**Altered** in {len(altered['views'])} ways ({'; '.join(altered['views'])}), all views together; the "
            "draws take a patient's views together too:",
            _describe_points(altered),
            "The view in which each operating point does worst:",
            _describe_worst(altered["by_view"]),
        ]
    if any(point.get("predictive_values") for point in figures["operating_points"].values()):
        parts += [
            "Predictive values, from the films as sent. With sensitivity s, specificity c and prevalence p: "
            "PPV = s·p / (s·p + (1 − c)·(1 − p)), NPV = c·(1 − p) / (c·(1 − p) + (1 − s)·p).",
            _describe_predictive(figures["operating_points"]),
        ]
        if altered:
            parts += ["The same of the altered films:", _describe_predictive(altered["operating_points"])]
    return "\n\n".join(parts)


def describe_ece(figures: Figures) -> str:
    """Answer the calibration error of one set of films, beside that of a perfectly calibrated model."""
    first = next(iter(figures["operating_points"].values()))
    lines = ["| films | ECE (15 bins of equal mass) | Brier score |", "| --- | --- | --- |"]
    lines.append(f"| as sent | {show(first['ece'])} | {show(first['brier'])} |")
    if altered := figures.get("altered"):
        point = next(iter(altered["operating_points"].values()))
        lines.append(f"| altered | {show(point['ece'])} | {show(point['brier'])} |")
    if perfect := figures.get("ece_if_perfect"):
        lines.append(f"| as sent, were the model calibrated perfectly | {_show_range(perfect, 'mean')} | |")
    return "\n".join(lines)


def describe_bands(parts: dict[str, Figures]) -> str:
    """Answer what is referred and what is right of the rest, one row a set of films.

    Args:
        parts: what the films are → `referred`, `accuracy`, `sensitivity` and `specificity`.
    """
    lines = ["| films | referred | accuracy of the rest | its sensitivity | its specificity |", "|" + " --- |" * 5]
    for name, found in parts.items():
        figures = " | ".join(show(found[key]) for key in ("referred", "accuracy", "sensitivity", "specificity"))
        lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


def describe_coverage(curves: dict[str, Figures]) -> str:
    """Answer the accuracy of the rest at falling coverage, one row a set of films."""
    shown = range(0, len(next(iter(curves.values()))["coverage"]), 2)
    coverage = next(iter(curves.values()))["coverage"]
    lines = [
        f"| films answered | {' | '.join(f'{coverage[i]:.0%}' for i in shown)} |",
        "| --- |" + " --- |" * len(shown),
    ]
    for name, curve in curves.items():
        accuracy = curve["accuracy"]
        lines.append(f"| {name} | {' | '.join(f'{accuracy[i]:.3f}' for i in shown)} |")
    return "\n".join(lines)


def describe_sections(path: Path) -> str | None:
    """Answer the `sections` of a JSON file, each a title, a text and a table; None where there is no such file."""
    if not path.is_file():
        return None
    parts = []
    for section in json.loads(path.read_text(encoding="utf-8"))["sections"]:
        parts.append(f"### {section['title']}")
        if text := section.get("text"):
            parts.append(text)
        if rows := section.get("rows"):
            columns = section["columns"]
            lines = [_row(columns), "|" + " --- |" * len(columns), *(_row(row) for row in rows)]
            parts.append("\n".join(lines))
    return "\n\n".join(parts)


def count_films(films: dict[str, int]) -> str:
    """Answer how many films of each class there are, in words."""
    return " + ".join(f"{number:,} {label}" for label, number in films.items()) + " films"


def show(figure: Figures, digits: int = 3) -> str:
    """Answer a figure with its interval."""
    return f"undefined ({figure['note']})" if figure["value"] is None else _show_range(figure, "value", digits)


def _describe_points(figures: Figures) -> str:
    points = figures["operating_points"]
    lines = [f"| | {' | '.join(points)} |", f"| --- |{' --- |' * len(points)}"]
    for metric in METRICS:
        lines.append(f"| {metric} | {' | '.join(show(point[metric]) for point in points.values())} |")
    for row, label in enumerate(figures["films"]):
        cells = " | ".join("{} / {}".format(*point["confusion_matrix"][row]) for point in points.values())
        lines.append(f"| {label}: said NORMAL / PNEUMONIA | {cells} |")
    return "\n".join(lines)


def _describe_worst(views: dict[str, Figures]) -> str:
    lines = ["| operating point | lowest sensitivity | in the view | lowest specificity | in the view |"]
    lines.append("|" + " --- |" * 5)
    points = [name for name in next(iter(views.values())) if name != "auc"]
    for point in points:
        cells = []
        for figure in ("sensitivity", "specificity"):
            found = {view: figures[point][figure] for view, figures in views.items()}
            known = {view: value for view, value in found.items() if value is not None}
            worst = min(known, key=lambda view: known[view], default=None)
            cells += ["undefined", "–"] if worst is None else [f"{known[worst]:.3f}", worst]
        lines.append(f"| {point} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _describe_predictive(points: dict[str, Figures]) -> str:
    columns = [f"{value.upper()}, {name}" for name in points for value in ("ppv", "npv")]
    lines = [f"| prevalence | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for prevalence in next(iter(points.values()))["predictive_values"]:
        cells = [
            show(point["predictive_values"][prevalence][value], digits=4)
            for point in points.values()
            for value in ("ppv", "npv")
        ]
        lines.append(f"| {float(prevalence):.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _show_range(figure: Figures, key: str, digits: int = 3) -> str:
    value, *ends = (None if figure[each] is None else f"{figure[each]:.{digits}f}" for each in (key, "low", "high"))
    return f"{value}" if None in ends else f"{value} ({ends[0]} to {ends[1]})"


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
