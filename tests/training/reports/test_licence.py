"""The terms of the films decide what the weights may be used for."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.inference.artifact import find_entry
from app.inference.training_record import Source, Sources
from training.reports.licence import write_licence

STORE = Path(__file__).parents[3] / "model_store"


@pytest.mark.parametrize(
    ("folder", "terms", "is_restricted"),
    [
        ("CC BY 4.0", None, False),
        (None, None, True),
        ("CC BY 4.0", "CC0", False),
        ("CC BY 4.0", "free to use with attribution", False),
        ("CC BY 4.0", "RSNA challenge terms: academic and research use", True),
        ("CC BY 4.0", "CC BY-NC 4.0", True),
        ("CC BY 4.0", "CC BY-SA-NC 4.0", True),
        ("CC BY 4.0", "CC0 or CC BY-NC 4.0, by image", True),
        ("CC BY 4.0", "unknown", True),
    ],
)
def test_one_restricted_source_restricts_the_weights(
    tmp_path: Path, folder: str | None, terms: str | None, is_restricted: bool
) -> None:
    data = find_entry(STORE, "pneumonet").manifest.training_data
    assert data is not None
    sources = None
    if terms is not None:
        source = Source(
            name="elsewhere",
            populations=["adult"],
            forms=["whole"],
            training={"NORMAL": 1, "PNEUMONIA": 1},
            validation={"NORMAL": 0, "PNEUMONIA": 0},
            fingerprint="0" * 64,
            licences={terms: 2},
        )
        sources = Sources(rule="by patient", validation_proportion=0.15, unreadable=0, exact_copies=0, sources=[source])
    write_licence(tmp_path, data.model_copy(update={"licence": folder, "sources": sources}))
    text = (tmp_path / "LICENSE.md").read_text()
    assert ("for research and\nteaching alone" in text) is is_restricted
    assert (f"| elsewhere | {terms} |" in text) is (terms is not None)
