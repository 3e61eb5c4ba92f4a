"""The service's answer about one film, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.errors import Failed

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


def read_assessment(body: dict[str, Any]) -> Assessment:
    """Read the body of a 200.

    Raises:
        Failed: it is no answer of `/predict`.
    """
    try:
        model, point = body["model"], body["operating_point"]
        maps = [each for each in body["activation_maps"] if each["kind"] == "cam" and each["values"] is not None]
        prevalence = body.get("prevalence")
        return Assessment(
            label=str(body["class"]),
            probability=float(body["probability"]),
            point=str(point["name"]),
            threshold=float(point["threshold"]),
            refer=bool(body["refer"]),
            warnings=tuple(str(each["code"]) for each in body["warnings"]),
            model=f"{model['name']}/{model['version']}",
            model_sha256=str(model["sha256"]),
            prevalence=None if prevalence is None else float(prevalence),
            gate=str((body.get("gate") or {}).get("mode", "off")),
            cam=np.array(maps[0]["values"], np.float32) if maps else None,
            scale=float(maps[0]["scale"] or 0.0) if maps else 0.0,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Failed(f"Expected an answer of /predict. Received one without it ({type(error).__name__}).") from None
