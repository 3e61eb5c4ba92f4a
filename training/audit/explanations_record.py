"""What `audit --explanations` measures, as it is written to `explanations.json` and read from it for the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from app.inference.record import Estimate

EXPLANATIONS_FILE = "explanations.json"


class _Measured(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SumCheck(_Measured):
    """The largest absolute difference of a map's sum and the head's own bias from the logit, and the largest allowed.

    The bias is computed from the weights of `model.keras`; the serving graph's would make any map fit.
    """

    films: int
    largest_difference: float
    allowed: float


class CascadeStep(_Measured):
    """Maps after `layers`, and all layers of the steps before, were given random weights.

    Means over films and draws; `absolute_…` of absolute values, where opposite signs cannot cancel. `is_below`:
    both are below the largest allowed.
    """

    layers: list[str]
    rank_correlation: Estimate
    ssim: Estimate
    absolute_rank_correlation: Estimate
    absolute_ssim: Estimate
    is_below: bool


class Randomisation(_Measured):
    """Cascading weight randomisation, from the top layer to the first."""

    films: int
    draws: int
    largest_allowed: float
    steps: list[CascadeStep]


class Curve(_Measured):
    """The areas under the deletion or insertion curves of films `predicted` to be of one class.

    They are means of the logit towards that class: positive supports it. `intact` and `replaced` are the curves' ends.
    `areas`: by order of cells. `against`: the map's area minus that of each other order.
    """

    predicted: str
    kind: Literal["deletion", "insertion"]
    replaced_by: str
    films: int
    intact: float
    replaced: float
    areas: dict[str, Estimate]
    against: dict[str, Estimate]


class MapStability(_Measured):
    """How alike the maps of films and of the same films perturbed are; `…_p5`: the 5th percentile of films."""

    perturbation: str
    films: int
    rank_correlation: Estimate
    rank_correlation_p5: float
    ssim: Estimate
    ssim_p5: float


class OutsideLungs(_Measured):
    """Proportions outside the lungs, which are dilated by `margin` of the film's side: of the area, and of evidence.

    Ratios of sums over films. `towards`: of positive values, which support PNEUMONIA. `effective_…`: how many
    films of equal evidence would count as much (Kish 1965, "Survey Sampling").
    """

    label: str
    films: int
    margin: float
    area: Estimate
    absolute: Estimate
    effective_absolute: float
    towards: Estimate
    effective_towards: float


class LungEvidence(_Measured):
    """The evidence outside the lungs, and the network that found them."""

    network_sha256: str
    without_lungs: int
    proportions: list[OutsideLungs]


class Explanations(_Measured):
    """All that was measured of a model's maps; without a lung network, `lungs` is None."""

    model: str
    model_sha256: str
    data: str
    data_fingerprint: str
    grouping: str
    method: str
    layer: str
    rows: int
    columns: int
    sum_check: SumCheck
    randomisation: Randomisation
    curves: list[Curve]
    stability: list[MapStability]
    lungs: LungEvidence | None


def write_explanations(explanations: Explanations, folder: Path) -> None:
    """Write `EXPLANATIONS_FILE` into a folder."""
    text = json.dumps(explanations.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / EXPLANATIONS_FILE).write_text(text + "\n", encoding="utf-8")


def read_explanations(folder: Path) -> Explanations | None:
    """Read `EXPLANATIONS_FILE`; None where there is none."""
    path = folder / EXPLANATIONS_FILE
    return Explanations.model_validate_json(path.read_bytes()) if path.is_file() else None
