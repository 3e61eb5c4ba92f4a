"""The content of `model.json`: the one home of sizes, labels and thresholds."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from app.imaging.preprocess import ResizeRule
from app.inference.calibration import AbstentionBand, Calibration, CalibrationDraft
from app.inference.gate_reference import GateSpec
from app.inference.metrics_record import Metrics
from app.inference.record import OrEmpty
from app.inference.training_record import ImportedTraining, Training, TrainingData
from app.names import LABELS
from app.notice import Notice

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
EntryName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Ages = list[tuple[int, int | None]]
EntryVersion = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(_Strict):
    """One gray channel of `height` × `width` pixels, float32, 0 to 255."""

    width: int = Field(gt=0, le=4096)
    height: int = Field(gt=0, le=4096)
    resize: ResizeRule


class CamSpec(_Strict):
    """The class activation map's method, and the layer whose features it reads."""

    method: str
    layer: str
    exact: bool


class MapsSpec(_Strict):
    """What the serving graph gives beside the logit; without `cam`, maps are made by occlusion.

    `channel_means` are the layers whose channel means, one after the other, the gate reads.
    """

    layers: list[str] = []
    cam: CamSpec | None = None
    channel_means: list[str] = []


class Digests(_Strict):
    """sha256 of the network's two forms, which binds them, and of `gate.npz`, where there is one."""

    model_keras: Sha256 = Field(alias="model.keras")
    serving: Sha256
    gate: Sha256 | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class _Described(_Strict):
    """What training knows of a model; thresholds of `operating_points` and `refer_band` are logits.

    `ages` are those of the patients, from and to, in completed years; the last may be open. None: not recorded.
    """

    keras_version: str
    input: InputSpec
    operating_points: dict[str, FiniteFloat] = Field(min_length=1)
    default_operating_point: str
    refer_band: AbstentionBand | None = None
    maps: MapsSpec
    gate: GateSpec | None = None
    training_data: OrEmpty[TrainingData]
    training: OrEmpty[Training | ImportedTraining]
    metrics: OrEmpty[Metrics]
    intended_use: str
    notices: list[Notice] = []
    ages: Ages | None = None


class ManifestDraft(_Described):
    """A manifest before hashing."""

    calibration: CalibrationDraft


class _Identified(_Strict):
    format: Literal[1] = 1
    name: EntryName
    version: EntryVersion
    created: str
    sha256: Digests


class Manifest(_Described, _Identified):
    """The content of `model.json`."""

    labels: tuple[str, str] = LABELS
    calibration: Calibration

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.default_operating_point not in self.operating_points:
            raise ValueError(f"the default operating point {self.default_operating_point!r} is not among the points")
        if self.calibration.weights_sha256 != self.sha256.model_keras:
            raise ValueError("the calibration was fitted for other weights than these")
        if (self.gate is None) != (self.sha256.gate is None) or (self.gate and not self.maps.channel_means):
            raise ValueError("expected a gate with its digest and with channel means to read, or neither")
        band = self.refer_band
        if band is not None and not (math.isfinite(band.low) and math.isfinite(band.high) and band.low <= band.high):
            raise ValueError(f"expected a refer band from low to high. Received {band.low} to {band.high}")
        return self

    def judge_age(self, age: int | None) -> tuple[Notice, ...]:
        """Return a notice where a patient's age, in completed years, is none of the training's."""
        if age is None or self.ages is None or any(first <= age <= (last or age) for first, last in self.ages):
            return ()
        known = " and ".join(f"{first} to {last}" if last else f"{first} or more" for first, last in self.ages)
        return (
            Notice("age-outside", f"The model was trained on patients of {known} years. This one is of another age."),
        )

    @property
    def label(self) -> str:
        """`name/version`."""
        return f"{self.name}/{self.version}"

    @property
    def shape(self) -> tuple[int, int]:
        """Input rows and columns, in pixels."""
        return self.input.height, self.input.width
