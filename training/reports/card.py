"""An entry's files → its MODEL_CARD.md, by `templates/model_card.md.j2`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, JsonValue

from app.errors import PneumoServeError
from app.inference.manifest import Manifest
from app.inference.metrics_record import ChanceEce, Metrics, PerturbedMetrics
from app.inference.record import Estimate
from app.inference.training_record import Training
from training.audit.explanations_record import read_explanations
from training.audit.explanations_text import describe_explanations
from training.evaluation.metrics import METRICS, Metric
from training.evaluation.operating_points import CHOICES

_OLD_NAMES = {"as sent": "unperturbed", "another's look": "another film's style"}
"""Perturbed sets of standing entries → today's names."""


class Section(BaseModel):
    """A text and a table."""

    title: str
    text: str | None = None
    columns: list[str] = []
    rows: list[list[JsonValue]] = []


class SectionFile(BaseModel):
    """The sections of `audit.json` or `outside.json`."""

    sections: list[Section]


def write_card(folder: Path) -> None:
    """Write an entry's card."""
    (folder / "MODEL_CARD.md").write_text(render_card(folder), encoding="utf-8")


def rewrite_card(folder: Path) -> bool:
    """Write an entry's card anew where it has one; False: it has none, or one written by hand."""
    is_generated = isinstance(_read_manifest(folder).training, Training) and (folder / "MODEL_CARD.md").is_file()
    if is_generated:
        write_card(folder)
    return is_generated


def render_card(folder: Path) -> str:
    """Return an entry's card as Markdown.

    It depends on `model.json`, `audit.json`, `explanations.json`, `outside.json` and plots' names alone.

    Raises:
        PneumoServeError: the network was trained elsewhere.
    """
    manifest = _read_manifest(folder)
    if manifest.training_data is None or manifest.metrics is None or not isinstance(manifest.training, Training):
        raise PneumoServeError(
            f"Expected a model that was trained by `pneumoserve train`. Received {manifest.name}/{manifest.version}, "
            "of whose training and evaluation nothing is recorded: write its card by hand."
        )
    text = (
        open_templates()
        .get_template("model_card.md.j2")
        .render(
            manifest=manifest,
            summary=_list_evaluations(manifest.metrics),
            audit=_read_sections(folder / "audit.json"),
            explanations=_describe_explanations(folder, manifest),
            outside=_read_sections(folder / "outside.json"),
            plots=_Plots(folder).show,
            CHOICES=CHOICES,
        )
    )
    # Omitted blocks leave blank lines.
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _read_manifest(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / "model.json").read_bytes())


class _Plots:
    """Plots, each shown in the first section that asks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown: set[str] = set()

    def show(self, pattern: str) -> str:
        names = sorted(plot.name for plot in self._folder.glob(pattern) if plot.name not in self._shown)
        self._shown.update(names)
        return "\n\n".join(f"![{name}]({name})" for name in names)


def open_templates() -> Environment:
    """Return the Markdown templates."""
    templates = Environment(
        loader=PackageLoader("training.reports"),
        autoescape=False,  # noqa: S701 (Markdown, made of the model's own files)
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {
        "cells": _join_cells,
        "code": "`{}`".format,
        "estimate": _format_estimate,
        "films": _count_films,
        "lowest": _find_lowest,
        "percent": "{:.0%}".format,
        "perturbation": _name_perturbation,
        "short": "{:g}".format,
    }
    templates.globals["METRICS"] = METRICS
    return templates


def _list_evaluations(metrics: Metrics) -> list[tuple[str, Any]]:
    evaluated: list[tuple[str, Any]] = [("validation films, unperturbed", metrics.validation)]
    if metrics.validation.perturbed is not None:
        evaluated.append(("validation films, perturbed", metrics.validation.perturbed))
    return evaluated + [(f"held-out test evaluation, `{test.data}`", test) for test in metrics.test]


def _read_sections(path: Path) -> SectionFile | None:
    return SectionFile.model_validate_json(path.read_bytes()) if path.is_file() else None


def _describe_explanations(folder: Path, manifest: Manifest) -> SectionFile | None:
    """Return the sections of the entry's explanations; None without any, or where they are of other weights."""
    explanations = read_explanations(folder)
    if explanations is None or explanations.model_sha256 != manifest.sha256.model_keras:
        return None
    return SectionFile(sections=[Section(**each.to_json()) for each in describe_explanations(explanations)])


def _join_cells(values: Iterable[object]) -> str:
    return " | ".join(str(value).replace("|", "\\|") for value in values)


def _format_estimate(estimate: Estimate | ChanceEce, digits: int = 3) -> str:
    """Return `value (low to high)`, or why there is none."""
    if isinstance(estimate, ChanceEce):
        return Metric(estimate.mean, estimate.low, estimate.high).format(digits)
    if estimate.value is None:
        return f"undefined ({estimate.note})"
    return Metric(estimate.value, estimate.low, estimate.high).format(digits)


def _count_films(films: dict[str, int]) -> str:
    return " + ".join(f"{number:,} {label}" for label, number in films.items())


def _find_lowest(
    perturbed: PerturbedMetrics, point: str, metric: Literal["sensitivity", "specificity"]
) -> tuple[str, str]:
    """Return a metric's lowest value over perturbed sets, and the set."""
    found = {
        name: value
        for name, alone in perturbed.by_perturbation.items()
        if (value := getattr(alone.operating_points[point], metric)) is not None
    }
    worst = min(found, key=lambda name: found[name], default=None)
    return ("undefined", "–") if worst is None else (f"{found[worst]:.3f}", _name_perturbation(worst))


def _name_perturbation(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        name = name.replace(old, new)
    return name
