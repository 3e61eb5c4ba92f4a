"""What `model.json` records is read into types and written as it was read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.api.schemas import describe
from app.inference.artifact import list_entries
from app.inference.manifest import Manifest
from app.inference.training_record import ImportedTraining, Training

STORE = Path(__file__).parents[2] / "model_store"
PARTS = ("training_data", "training", "metrics")


def read_file(label: str = "pneumonet/2") -> dict[str, Any]:
    """Return the content of a bundled `model.json`."""
    content: dict[str, Any] = json.loads((STORE / label / "model.json").read_text())
    return content


@pytest.mark.parametrize("label", list_entries(STORE))
def test_format_1_is_written_as_it_was_read(label: str) -> None:
    """Every key and number, also in `GET /model`; no default is added."""
    content = read_file(label)
    manifest = Manifest.model_validate(content)
    written = json.loads(manifest.model_dump_json(by_alias=True))
    assert {part: written[part] for part in PARTS} == {part: content[part] for part in PARTS}
    assert json.loads(describe(manifest, None).model_dump_json())["metrics"] == content["metrics"]


def test_keys_of_format_1_have_names_of_today() -> None:
    """One field for each key that the file calls otherwise."""
    manifest = Manifest.model_validate(content := read_file())
    validation = content["metrics"]["validation"]
    assert isinstance(manifest.training, Training)
    assert manifest.training_data is not None
    assert manifest.metrics is not None
    style, found = manifest.training.style_transfer, manifest.metrics.validation
    assert style is not None
    assert found.perturbed is not None
    assert found.abstention is not None
    assert found.chance_ece is not None
    assert style.p_transfer == content["training"]["looks"]["p_borrow"]
    assert manifest.training_data.split.validation_proportion == 0.15
    assert found.chance_ece.mean == validation["ece_if_perfect"]["mean"]
    assert found.abstention.referred.value == validation["refer"]["referred"]["value"]
    assert found.perturbed.perturbations == validation["altered"]["views"]
    alone = found.perturbed.by_perturbation["blur, sigma 1"]
    flat = validation["altered"]["by_view"]["blur, sigma 1"]
    assert (alone.auc, alone.operating_points["balanced"].sensitivity) == (flat["auc"], flat["balanced"]["sensitivity"])


def test_a_network_from_elsewhere_has_empty_records() -> None:
    """`{}` is read as none, and written as `{}` again."""
    empty = {"training_data": {}, "training": {"parameters": 3, "imported": True}, "metrics": {}}
    manifest = Manifest.model_validate(read_file() | empty)
    assert (manifest.training_data, manifest.metrics) == (None, None)
    assert manifest.training == ImportedTraining(parameters=3, imported=True)
    written = json.loads(manifest.model_dump_json(by_alias=True))
    assert {part: written[part] for part in PARTS} == empty
    assert describe(manifest, None).metrics == {}


def test_unknown_keys_are_kept() -> None:
    """A later version may record more."""
    content = read_file()
    content["metrics"]["validation"]["more"] = content["training"]["more"] = [1]
    written = json.loads(Manifest.model_validate(content).model_dump_json(by_alias=True))
    assert written["metrics"] == content["metrics"]
    assert written["training"] == content["training"]


@pytest.mark.parametrize("part", PARTS)
def test_a_record_that_is_not_whole_is_refused(part: str) -> None:
    """A model is not served on half of its records; nor without one."""
    content = read_file()
    content[part].popitem()
    with pytest.raises(ValidationError, match=part):
        Manifest.model_validate(content)
    del content[part]
    with pytest.raises(ValidationError, match=part):
        Manifest.model_validate(content)
