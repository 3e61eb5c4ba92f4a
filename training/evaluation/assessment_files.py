"""An assessment → `report.txt`, `report.png` and `metrics.json`."""

from __future__ import annotations

import json
from pathlib import Path

from training.evaluation.assessment import Assessment
from training.evaluation.assessment_text import write_text
from training.evaluation.plots import plot_assessment


def write_report(assessment: Assessment, folder: Path, title: str, prefix: str = "") -> list[str]:
    """Write `report.txt` and plots into a folder, made if missing; return the plots' names.

    `title` heads both; `prefix` goes before each file name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{prefix}report.txt").write_text(write_text(assessment, title), "utf-8")
    name = f"{prefix}report.png"
    plot_assessment(assessment, folder / name, title)
    return [name]


def write_metrics(assessment: Assessment, folder: Path, about: dict[str, object]) -> None:
    """Write `metrics.json`: `about` and every metric."""
    text = json.dumps({**about, **assessment.to_record().model_dump()}, indent=1)
    (folder / "metrics.json").write_text(text + "\n")
