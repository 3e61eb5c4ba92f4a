"""Response models, and the one place where a prediction becomes an answer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.imaging.dicom.record import DicomReport
from app.names import GateMode, Label
from app.notice import Notice

if TYPE_CHECKING:  # the Python client reads these models without the service's libraries
    from app.inference.explain import ActivationMap as Plot
    from app.inference.manifest import Manifest
    from app.inference.predictor import FilmPrediction


class OperatingPoint(BaseModel):
    """The operating point in use; `threshold` is a calibrated probability."""

    name: str
    threshold: float = Field(ge=0, le=1)


class ModelIdentity(BaseModel):
    """Which model answered; `sha256` is that of its `model.keras`."""

    name: str
    version: str
    sha256: str


class ActivationMap(BaseModel):
    """One image: a `cam` lies over the film, a `layer` is a grid of its channels."""

    kind: Literal["cam", "layer"]
    method: str
    layer: str | None
    width: int = Field(description="of the PNG, in pixels")
    height: int = Field(description="of the PNG, in pixels")
    png: str = Field(description="base64")
    values: list[list[float]] | None = Field(description="a cam's own map, in logits, at its layer's resolution")
    bias: float | None = Field(description="with `values` it sums to the logit, where the method is exact")
    scale: float | None = Field(description="the value in a cam's strongest colour, the same on every film")


class GateAnswer(BaseModel):
    """Whether the film lies in the model's domain; `reason` where it does not and one is recognised."""

    mode: GateMode
    verdict: Literal["usual", "unusual", "unknown"]
    reason: str | None


class Prediction(BaseModel):
    """The answer to one film."""

    model_config = ConfigDict(populate_by_name=True)

    label: Label = Field(alias="class")
    probability: float = Field(ge=0, le=1, description="of PNEUMONIA, calibrated")
    operating_point: OperatingPoint
    refer: bool = Field(description="true where the model abstains: ask a human")
    warnings: list[Notice]
    filename: str | None
    gate: GateAnswer
    dicom: DicomReport | None = Field(description="what was read and done to a DICOM file's pixels; null for others")
    model: ModelIdentity
    activation_maps: list[ActivationMap]
    prevalence: float | None = Field(default=None, description="only where the service was set to a site's own")


class ProbeResult(BaseModel):
    """The probe has passed."""

    status: Literal["ok"]


class Refused(BaseModel):
    """A model that was chosen while the service ran, and why it does not answer."""

    model: str | None
    reason: str


class Health(BaseModel):
    """The service is ready."""

    status: Literal["ok"]
    model: ModelIdentity
    engine: str
    uptime_seconds: float
    refused: Refused | None = Field(default=None, description="only where the chosen model could not be loaded")


class ModelInput(BaseModel):
    """The input of the network."""

    width: int
    height: int
    resize: str


class ReferBand(BaseModel):
    """The abstention band, between two calibrated probabilities: films within are to be referred."""

    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class ModelDescription(BaseModel):
    """What `model.json` tells a user; thresholds are calibrated probabilities, as in answers."""

    name: str
    version: str
    sha256: str
    created: str
    input: ModelInput
    labels: tuple[str, str]
    operating_points: dict[str, float]
    default_operating_point: str
    refer_band: ReferBand | None
    prevalence: float
    metrics: dict[str, Any]
    intended_use: str


def identify(manifest: Manifest) -> dict[str, str]:
    """Return the fields of `ModelIdentity`."""
    return {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256.model_keras}


def describe(manifest: Manifest, prevalence: float | None) -> ModelDescription:
    """Return what a user should know of a model.

    Args:
        manifest: the model's.
        prevalence: the service's setting; None: as the model was fitted.
    """
    calibration = manifest.calibration

    def calibrate(logit: float) -> float:
        return round(calibration.probability(logit, prevalence), 6)

    band = manifest.refer_band
    return ModelDescription(
        **identify(manifest),
        created=manifest.created,
        input=ModelInput(**manifest.input.model_dump()),
        labels=manifest.labels,
        operating_points={name: calibrate(logit) for name, logit in manifest.operating_points.items()},
        default_operating_point=manifest.default_operating_point,
        refer_band=ReferBand(low=calibrate(band.low), high=calibrate(band.high)) if band else None,
        prevalence=prevalence or calibration.prevalence,
        metrics=manifest.metrics.model_dump() if manifest.metrics else {},
        intended_use=manifest.intended_use,
    )


def encode_prediction(
    predicted: FilmPrediction, manifest: Manifest, *, filename: str | None, prevalence: float | None = None
) -> bytes:
    """Return a `Prediction` as JSON; without `prevalence` where None is given."""
    decision, gate = predicted.decision, predicted.gate
    prediction = Prediction(
        label=decision.label,
        probability=round(decision.probability, 6),
        operating_point=OperatingPoint(name=decision.operating_point, threshold=round(decision.threshold, 6)),
        refer=decision.refer,
        warnings=list(predicted.warnings),
        filename=filename,
        gate=GateAnswer(mode=gate.mode, verdict=gate.verdict, reason=gate.reason),
        dicom=predicted.dicom,
        model=ModelIdentity(**identify(manifest)),
        activation_maps=[_map_of(plot) for plot in predicted.maps],
        **({} if prevalence is None else {"prevalence": prevalence}),
    )
    return prediction.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _map_of(plot: Plot) -> ActivationMap:
    evidence = plot.evidence
    return ActivationMap(
        kind=plot.kind,
        method=plot.method,
        layer=plot.layer,
        width=plot.width,
        height=plot.height,
        png=base64.b64encode(plot.png).decode(),
        values=None if evidence is None else evidence.cam.astype("float64").round(6).tolist(),
        bias=None if evidence is None else evidence.bias,
        scale=None if evidence is None else evidence.scale,
    )
