"""Whether a film lies in the model's domain, from the channel means of its convolution layers.

The distance is Mahalanobis' to the nearest population of the training films (Lee et al. 2018, "A simple unified
framework for detecting out-of-distribution samples"), with the covariance of a probabilistic PCA (Tipping and Bishop
1999). Beside it a linear classifier recognises films that are turned, upside down or inverted.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.errors import ArtifactRefused, UnsuitableImage
from app.names import GateMode
from app.notice import Notice

GATE_FILE = "gate.npz"
Verdict = Literal["usual", "unusual", "unsuitable"]
Reason = Literal["blank", "inverted", "on its side", "upside down", "not a chest radiograph"]

_RECEIVED: dict[Reason | None, str] = {
    "blank": "a blank image",
    "inverted": "one whose black and white are inverted",
    "on its side": "one that lies on its side",
    "upside down": "one that is upside down",
    "not a chest radiograph": "an image that is unlike the chest radiographs that the model was trained on",
}

LEAST_DEVIATION = 4.0
"""Gray levels: the standard deviation of the pixels under which a film is blank."""

_CLIPPED = 8.0
"""Standard deviations at which the classifier's features are cut: far films must not saturate it."""


class GateSpec(BaseModel):
    """The thresholds of a gate, as `model.json` holds them.

    Attributes:
        unusual: distance from which a film is unusual, in units of a typical training film's.
        unsuitable: distance from which it is unsuitable.
        reasons: what the classifier recognises besides a usual film, in its order.
        least_probability: of each reason, from which it is believed, 0 to 1.
        populations: that the reference holds, in its order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unusual: float = Field(gt=0, allow_inf_nan=False)
    unsuitable: float = Field(gt=0, allow_inf_nan=False)
    reasons: list[Reason]
    least_probability: list[float]
    populations: list[str]


@dataclass(frozen=True)
class Reference:
    """What the gate knows of the training films; K channel means, D axes, P populations, R reasons.

    Attributes:
        mean: of each channel mean, float32 (K,).
        scale: their standard deviations, float32 (K,).
        centres: standardised mean of each population, float32 (P, K).
        axes: principal axes, each divided by its standard deviation, float32 (K, D).
        directions: the same axes of length 1, float32 (K, D).
        rest: standard deviation along every other direction, float32 (1,).
        weights: of the classifier, float32 (K, R + 1); column 0 stands for a usual film.
        bias: likewise, float32 (R + 1,).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    centres: NDArray[np.float32]
    axes: NDArray[np.float32]
    directions: NDArray[np.float32]
    rest: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write it as `gate.npz`."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def read(cls, data: bytes) -> Reference:
        """Read a `gate.npz`.

        Raises:
            ArtifactRefused: it is broken.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                return cls(**{name: np.asarray(stored[name], np.float32) for name in cls.__dataclass_fields__})
        except (ValueError, OSError, KeyError, TypeError) as error:
            raise ArtifactRefused(f"Expected the reference of a gate in gate.npz ({type(error).__name__}).") from None

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each film's distance from the nearest population, root mean square over the K directions.

        Args:
            features: channel means, float32 (films, K).
        """
        x = (features - self.mean) / self.scale
        squares = []
        for centre in self.centres:
            off = x - centre
            along = np.square(off @ self.directions).sum(axis=1)
            beside = np.maximum(np.square(off).sum(axis=1) - along, 0) / np.square(self.rest[0])
            squares.append(np.square(off @ self.axes).sum(axis=1) + beside)
        return np.asarray(np.sqrt(np.min(squares, axis=0) / x.shape[1]), np.float64)

    def standardise(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return channel means, float32 (films, K), as the classifier reads them."""
        return ((features - self.mean) / self.scale).clip(-_CLIPPED, _CLIPPED).astype(np.float32)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the classifier's probabilities, (films, R + 1), of channel means, float32 (films, K)."""
        scores = (self.standardise(features) @ self.weights + self.bias).astype(np.float64)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Assessment:
    """What the gate finds: a `reason` where the film is not usual, and its `distance`."""

    verdict: Verdict
    reason: Reason | None
    distance: float


class Gate:
    """The gate of one model."""

    def __init__(self, spec: GateSpec, reference: Reference) -> None:
        if len(spec.reasons) + 1 != len(reference.bias) or len(spec.reasons) != len(spec.least_probability):
            raise ArtifactRefused("Expected a gate with one threshold and one weight for each reason. It has not.")
        self.spec = spec
        self.reference = reference

    def assess(self, pixels: NDArray[np.uint8], features: NDArray[Any]) -> Assessment:
        """Assess one film.

        Args:
            pixels: the model's input, uint8 (height, width).
            features: its channel means, float32 (K,).
        """
        spec = self.spec
        distance = float(self.reference.distance(features[np.newaxis])[0])
        if pixels.std() < LEAST_DEVIATION:
            return Assessment("unsuitable", "blank", distance)
        probabilities = self.reference.probabilities(features[np.newaxis])[0, 1:]
        best = int(np.argmax(probabilities))
        if spec.reasons and probabilities[best] >= spec.least_probability[best]:
            return Assessment("unsuitable", spec.reasons[best], distance)
        # Not `>=`, so that NaN is unsuitable.
        if not distance < spec.unsuitable:
            return Assessment("unsuitable", "not a chest radiograph", distance)
        if distance >= spec.unusual:
            return Assessment("unusual", None, distance)
        return Assessment("usual", None, distance)


@dataclass(frozen=True)
class Passage:
    """What an answer says of the gate: `verdict` is `unknown` without a gate, or where it is off."""

    mode: GateMode
    verdict: Literal["usual", "unusual", "unknown"]
    reason: Reason | None = None
    warnings: tuple[Notice, ...] = ()


def read_gate(folder: Path, spec: GateSpec | None) -> Gate | None:
    """Read the gate of an entry; None where it has none.

    Raises:
        ArtifactRefused: `gate.npz` is absent or broken.
    """
    if spec is None:
        return None
    try:
        data = (folder / GATE_FILE).read_bytes()
    except OSError:
        raise ArtifactRefused("Expected the file gate.npz in the entry. It cannot be read.") from None
    return Gate(spec, Reference.read(data))


def pass_gate(
    gate: Gate | None, mode: GateMode, pixels: NDArray[np.uint8], features: NDArray[np.float32] | None
) -> Passage:
    """Return what a film's answer says of the gate.

    Args:
        gate: the model's; None: it has none.
        mode: the service's, or the request's.
        pixels: the model's input, uint8 (height, width).
        features: its channel means, float32 (1, K); None where nothing is assessed.

    Raises:
        UnsuitableImage: the film is unsuitable and the mode is `refuse`.
    """
    if gate is None:
        detail = "This model has no gate: whether the film lies in its domain is unknown."
        return Passage(mode, "unknown", warnings=(Notice("no-gate", detail),))
    if mode == "off" or features is None:
        detail = "The gate is off: whether the film lies in the model's domain is unknown."
        return Passage(mode, "unknown", warnings=(Notice("gate-off", detail),))
    found = gate.assess(pixels, features[0])
    if found.verdict == "usual":
        return Passage(mode, "usual")
    if found.verdict == "unsuitable" and mode == "refuse":
        raise UnsuitableImage(
            f"Expected an upright frontal chest radiograph. Received {_RECEIVED[found.reason]}.", found.reason
        )
    detail = (
        "The film is unlike those that the model was trained on: do not rely on its answer."
        if found.reason is None
        else f"The model should not be asked about this image: it is {_RECEIVED[found.reason]}."
    )
    return Passage(mode, "unusual", found.reason, (Notice("unusual-film", detail),))
