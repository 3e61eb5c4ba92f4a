"""What was found on matched films → words and tables, for the console, `outside.json` and a model card."""

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
"""What was found on films of another site: in the report's folder, and in an entry's for its card."""

_MEASURED = ("model", "baseline", "gain", "file_size", "model_unmatched", "baseline_unmatched")


def conclude(matched: Matched, model: str) -> str:
    """Say in words what may be claimed of these films."""
    auc = f"{model} has AUC {matched.model} on {len(matched.pairs)} matched pairs"
    if not matched.is_balanced:
        return f"Nothing is claimed: the pairs are not balanced within {BALANCED}. {auc}."
    if matched.is_claim:
        over = "over chance, and over what brightness, contrast and sharpness alone reach on the same films"
        return f"{auc}: {over}.{_caution(matched)}"
    if (matched.model.low or 0) > 0.5:
        return f"Nothing is claimed: {auc}, over chance, but its lead over the statistics alone may be chance."
    under = (matched.model.high or 1) < 0.5
    return f"Nothing is claimed: {auc}, {'worse than a coin' if under else 'which a coin might reach too'}."


def write_outside(matched: Matched, films: Films, data: str, about: dict[str, object], out: Path) -> None:
    """Write `outside.json`: `about`, the figures, and the sections that a model card shows.

    Args:
        matched: what was found.
        films: on which.
        data: the name of their folder.
        about: the model and the films; needs `model`.
        out: an existing folder.
    """
    model = str(about["model"])
    content = {
        **about,
        "data": data,
        "films": films.count(),
        "pairs": len(matched.pairs),
        "claim": matched.is_claim,
        "holds_for_file_size_too": matched.holds_sternly,
        "sections": _describe(matched, films, data, model),
        "figures": {name: getattr(matched, name).to_json() for name in _MEASURED},
    }
    (out / OUTSIDE_FILE).write_text(json.dumps(content, indent=1) + "\n")


def print_matched(matched: Matched, films: Films, data: str, model: str, console: Console) -> None:
    """Print the same tables and the conclusion."""
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
        (_name_sterner(matched, model), str(matched.sterner[1]) if matched.sterner else "too few pairs"),
        (f"{model}, all films: claimed for nothing", str(matched.model_unmatched)),
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
                f"one is shown, chosen without the model; over all of them its AUC is {median:.3f} in the median, "
                f"{low:.3f} to {high:.3f}. Intervals: 95 % percentile bootstrap of pairs (all films: of patients)."
            ),
            "columns": ["", "AUC"],
            "rows": [list(row) for row in aucs],
        },
        {
            "title": f"{data}: how alike the classes are",
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
    if matched.sterner is None:
        return " Too few films are left to match them for the file's size too."
    pairs, auc = matched.sterner
    if matched.holds_sternly:
        return f" It stays so where films are matched for the file's size too: {auc} on {pairs} pairs."
    return (
        f" It is a hint and no more: matched for the file's size too, {pairs} pairs leave {auc}, "
        "which a coin might reach."
    )


def _name_sterner(matched: Matched, model: str) -> str:
    pairs = f" ({matched.sterner[0]} pairs)" if matched.sterner else ""
    return f"{model}, matched for the file's size too{pairs}"
