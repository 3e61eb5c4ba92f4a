"""The terms of the training films → an entry's LICENSE.md. The text is in `templates/licence.md.j2`."""

from __future__ import annotations

import re
from pathlib import Path

from app.inference.training_record import TrainingData
from training.reports.card import open_templates

_FREE = re.compile(r"CC0|CC BY(?! ?-?(NC|ND))|public domain|free (to use )?with attribution", re.IGNORECASE)

_BOUND = re.compile(r"\bN[CD]\b|non-?commercial|research|academic", re.IGNORECASE)


def write_licence(folder: Path, data: TrainingData) -> None:
    """Write what the terms of the training films mean for the weights."""
    sources = data.sources.sources if data.sources else []
    trained_on = [source for source in sources if sum(source.training.values())]
    terms = [data.licence or "", *(name for source in trained_on for name in source.licences)]
    is_restricted = not all(_FREE.search(each) and not _BOUND.search(each) for each in terms)
    text = open_templates().get_template("licence.md.j2").render(data=data, is_restricted=is_restricted)
    (folder / "LICENSE.md").write_text(text.strip() + "\n", encoding="utf-8")
