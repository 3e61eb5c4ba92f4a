"""What a gate knows of the training films: populations, their covariance, and a classifier of unsuitable films."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.errors import ArtifactRefused

Reason = Literal["blank", "inverted", "on its side", "upside down", "not a chest radiograph"]

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
        directions: principal axes of length 1, float32 (K, D).
        variances: along each of them, float32 (D,).
        rest: standard deviation along every other direction, float32 (1,).
        weights: of the classifier, float32 (K, R + 1); column 0 stands for a usual film.
        bias: likewise, float32 (R + 1,).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    centres: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write it as `gate.npz`."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(path, **arrays)

    @classmethod
    def read(cls, data: bytes) -> Reference:
        """Read a `gate.npz`.

        Raises:
            ArtifactRefused: it is broken.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                return cls(**{name: np.asarray(stored[name], np.float32) for name in cls.__dataclass_fields__})
        except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ArtifactRefused(f"Expected the reference of a gate in gate.npz ({type(error).__name__}).") from None

    def fits(self) -> bool:
        """Return whether all parts have the shapes that the class names, and every variance is positive."""
        if self.directions.ndim != 2:
            return False
        (channels, axes), populations, outputs = self.directions.shape, len(self.centres), len(self.bias)
        expected = [(channels,), (channels,), (populations, channels), (axes,), (1,), (channels, outputs)]
        parts = (self.mean, self.scale, self.centres, self.variances, self.rest, self.weights)
        return [part.shape for part in parts] == expected and bool(np.all(self.variances > 0))

    @cached_property
    def _projected(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """The centres along the directions (P, D), the variances there, inverted (D,), and the centres in float64."""
        return self.centres @ self.directions, np.reciprocal(self.variances), self.centres.astype(np.float64)

    @cached_property
    def _transposed(self) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.directions.T)

    def standardise(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return channel means, float32 (films, K), in standard deviations from their mean."""
        return np.asarray((features - self.mean) / self.scale, np.float32)

    def distance(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each film's distance from the nearest population, root mean square over the K directions.

        Args:
            x: standardised channel means, float32 (films, K).
        """
        # A film's decoding has put the directions out of the cache: they are read once for all centres.
        projected, inverse, centres = self._projected
        along = np.square((x @ self._transposed.T)[:, np.newaxis] - projected)
        # Squares and products nearly cancel out.
        wide = x.astype(np.float64)
        whole = np.square(wide).sum(axis=1, keepdims=True) - 2 * (wide @ centres.T) + np.square(centres).sum(axis=1)
        beside = np.maximum(whole - along.sum(axis=2), 0) / np.square(self.rest[0])
        return np.asarray(np.sqrt((along @ inverse + beside).min(axis=1) / x.shape[1]), np.float64)

    def clip(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return standardised channel means as the classifier reads them."""
        return x.clip(-_CLIPPED, _CLIPPED)

    def probabilities(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the classifier's probabilities, (films, R + 1), of standardised channel means, float32 (films, K)."""
        scores = (self.clip(x) @ self.weights + self.bias).astype(np.float64)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))
