"""The service's answer about one film, and its words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.api.schemas import Prediction

NOT_FOR_DIAGNOSIS = "For research only. Not for diagnosis. Not a medical device."


@dataclass(frozen=True)
class Assessment:
    """An answer of `POST /predict`.

    Attributes:
        label: PNEUMONIA or NORMAL.
        probability: of PNEUMONIA, calibrated.
        point: the operating point's name.
        threshold: the operating point's calibrated probability.
        refer: whether the model abstains.
        warnings: their codes.
        model: name and version, as `pneumonet/3`.
        model_sha256: of the model.
        prevalence: the service's own; None: as the model was fitted.
        gate: the gate's mode.
        cam: float32 (rows, columns), in logits; None where it was not asked for.
        scale: logits in the map's strongest colour; 0 without a map.
    """

    label: str
    probability: float
    point: str
    threshold: float
    refer: bool
    warnings: tuple[str, ...]
    model: str
    model_sha256: str
    prevalence: float | None
    gate: str
    cam: NDArray[np.float32] | None = None
    scale: float = 0.0

    def words(self) -> list[str]:
        """Return the answer in lines of ASCII; the first two are the class and what it is not for."""
        name, _, version = self.model.partition("/")
        lines = [
            f"{self.label}   probability of pneumonia {self.probability:.3f}",
            NOT_FOR_DIAGNOSIS,
            f"Operating point: {self.point}, threshold {self.threshold:.3f}",
            f"Refer to a human reader: {'yes' if self.refer else 'no'}",
            f"Prevalence: {'as the model was fitted' if self.prevalence is None else f'{self.prevalence:g}'}"
            f"   Gate: {self.gate}",
            *([f"Warnings: {', '.join(code.replace('-', ' ') for code in self.warnings)}"] if self.warnings else []),
            f"Model: {name} version {version}, sha256 {self.model_sha256[:16]}",
        ]
        return [line.encode("ascii", "replace").decode() for line in lines]


def assess(prediction: Prediction) -> Assessment:
    """Return the assessment of a film from the service's answer."""
    model, point = prediction.model, prediction.operating_point
    cam = next((each for each in prediction.activation_maps if each.kind == "cam" and each.values is not None), None)
    return Assessment(
        label=prediction.label,
        probability=prediction.probability,
        point=point.name,
        threshold=point.threshold,
        refer=prediction.refer,
        warnings=tuple(each.code for each in prediction.warnings),
        model=f"{model.name}/{model.version}",
        model_sha256=model.sha256,
        prevalence=prediction.prevalence,
        gate=prediction.gate.mode,
        cam=np.array(cam.values, np.float32) if cam else None,
        scale=(cam.scale or 0.0) if cam else 0.0,
    )
