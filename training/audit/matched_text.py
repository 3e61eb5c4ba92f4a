"""Metrics on matched films → text and tables for console, `outside.json` and model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.audit.matched import ORDERS, Matched
from training.audit.matching import BALANCED, CALIPER, STATISTICS
from training.data.films import Films

OUTSIDE_FILE = "outside.json"
"""Metrics on another site's films, in the report's folder, or in an entry for its card."""

_MEASURED = ("model", "baseline", "gain", "file_size", "model_unmatched", "baseline_unmatched")


def conclude(matched: Matched, model: str) -> str:
    """Return in words what may be claimed."""
    auc = f"{model} has AUC {matched.model} on {len(matched.pairs)} matched pairs"
    if not matched.is_balanced:
        return f"Nothing is claimed: the pairs are not balanced within {BALANCED}. {auc}."
    if matched.is_claim:
        over = "above chance, and above what brightness, contrast and sharpness alone reach on the same films"
        return f"{auc}: {over}.{_caution(matched)}"
    if (matched.model.low or 0) > 0.5:
        return f"Nothing is claimed: {auc}, above chance, but its lead over the statistics alone may be chance."
    under = (matched.model.high or 1) < 0.5
    return f"Nothing is claimed: {auc}, {'below chance' if under else 'not above chance'}."


def write_outside(matched: Matched, films: Films, data: str, about: dict[str, object], out: Path) -> None:
    """Write `outside.json`: `about` (with `model`), metrics, and the model card's sections; `data` names `films`."""
    model = str(about["model"])
    content = {
        **about,
        "data": data,
        "films": films.count(),
        "pairs": len(matched.pairs),
        "claim": matched.is_claim,
        "holds_for_file_size_too": matched.holds_with_file_size,
        "sections": _describe(matched, films, data, model),
        "figures": {name: getattr(matched, name).to_json() for name in _MEASURED},
    }
    (out / OUTSIDE_FILE).write_text(json.dumps(content, indent=1) + "\n")


def print_matched(matched: Matched, films: Films, data: str, model: str, console: Console) -> None:
    """Print the same sections."""
    for section in _describe(matched, films, data, model):
        table = Table(*section["columns"], title=section["title"])
        for row in section["rows"]:
            table.add_row(*row)
        console.print(table)
        console.print(section["text"], markup=False, highlight=False)


def _describe(matched: Matched, films: Films, data: str, model: str) -> list[dict[str, Any]]:
    low, median, high = matched.orders
    count = " + ".join(f"{number} {label}" for label, number in films.count().items())
    aucs = [
        (f"{model}, matched", str(matched.model)),
        ("the statistics alone, matched", str(matched.baseline)),
        ("the model less the statistics, matched", str(matched.gain)),
        ("the file's size alone, matched (not matched for it)", str(matched.file_size)),
        _describe_file_size(matched, model),
        (f"{model}, all films: no claim", str(matched.model_unmatched)),
        ("the statistics alone, all films", str(matched.baseline_unmatched)),
    ]
    return [
        {
            "title": f"{data}: films matched in brightness, contrast and sharpness",
            "text": (
                f"{conclude(matched, model)} Of {count}, one film a patient, {len(matched.pairs)} pairs were matched "
                f"one to one without replacement: within {CALIPER} standard deviations of the logit of a propensity "
                "score (logistic regression on seven global statistics at 150 × 150 pixels), nearest by Mahalanobis "
                f"distance (Rosenbaum and Rubin 1985; Austin 2011). Of {ORDERS} orders of matching the best balanced "
                f"one is shown, chosen without the model; over all of them the median AUC is {median:.3f}, "
                f"{low:.3f} to {high:.3f}. Intervals: 95 % percentile bootstrap of pairs (all films: of patients)."
            ),
            "columns": ["", "AUC"],
            "rows": [list(row) for row in aucs],
        },
        {
            "title": f"{data}: balance of the classes",
            "text": (
                "Standardised mean difference, PNEUMONIA less NORMAL, in pooled standard deviations of all films; up "
                f"to {BALANCED} counts as balanced."
            ),
            "columns": ["", "all films", "matched"],
            "rows": [
                [name, f"{before:+.2f}", f"{after:+.2f}"]
                for name, before, after in zip(STATISTICS, *matched.differences, strict=True)
            ],
        },
    ]


def _caution(matched: Matched) -> str:
    if matched.with_file_size is None:
        return " Too few films can be matched for the file's size too."
    pairs, auc = matched.with_file_size
    if matched.holds_with_file_size:
        return f" It holds where films are matched for the file's size too: {auc} on {pairs} pairs."
    return (
        f" It does not hold where films are matched for the file's size too: {auc} on {pairs} pairs, not above chance."
    )


def _describe_file_size(matched: Matched, model: str) -> tuple[str, str]:
    name = f"{model}, matched for the file's size too"
    if matched.with_file_size is None:
        return name, "too few pairs"
    pairs, auc = matched.with_file_size
    return f"{name} ({pairs} pairs)", str(auc)
