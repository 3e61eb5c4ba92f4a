"""An entry's `golden.json`: drawn films with the answers to reproduce."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from app.errors import ArtifactRefused
from app.inference.calibration import Calibration
from app.inference.engine import Engine, Films
from app.inference.gate import Gate, read_gate
from app.inference.manifest import Manifest

LOGIT_TOLERANCE = 1e-3
PROBABILITY_TOLERANCE = 1e-4
GATE_TOLERANCE = 1e-3
"""Of the gate's distance, in proportion."""


class GoldenFilm(BaseModel):
    """A film as base64 PNG, and its answer when the network was saved; `gate_distance` where the model has a gate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    png: str
    logit: FiniteFloat
    probability: float = Field(ge=0, le=1)
    gate_distance: FiniteFloat | None = None


class Golden(BaseModel):
    """The content of `golden.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    films: list[GoldenFilm] = Field(min_length=1)


def compute_golden(films: Films, engine: Engine, calibration: Calibration, gate: Gate | None) -> Golden:
    """Return uint8 films (N, height, width) with their answers."""
    return Golden(
        films=[
            GoldenFilm(
                png=_encode_png(film),
                logit=logit,
                probability=calibration.probability(logit),
                gate_distance=distance,
            )
            for film, logit, distance in zip(
                films, engine.logits(films).tolist(), _measure_distances(films, engine, gate), strict=True
            )
        ]
    )


def _measure_distances(films: Films, engine: Engine, gate: Gate | None) -> list[float | None]:
    """Return how far the gate finds each film; drawn films lie far outside, and none is refused for it."""
    if gate is None:
        return [None] * len(films)
    means = engine.maps(films, cam=False, layers=False).channel_means
    if means is None:
        raise ArtifactRefused("Expected a serving graph with the channel means that its gate reads. It has none.")
    distances: list[float | None] = gate.reference.distance(gate.reference.standardise(means)).tolist()
    return distances


def check_golden(path: Path, manifest: Manifest, engine: Engine) -> None:
    """Check an engine's answers to golden films, and compute the maps of one.

    Raises:
        ArtifactRefused: a number differs by over `LOGIT_TOLERANCE` or `PROBABILITY_TOLERANCE`, or a film or map is not
            as expected.
    """
    try:
        golden = Golden.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise ArtifactRefused(f"{manifest.label}: expected a golden.json with films. It is absent or broken.") from None
    pictures = [_decode_png(film.png) for film in golden.films]
    for picture in pictures:
        if picture.shape != manifest.shape:
            raise ArtifactRefused(
                f"{manifest.label}: expected golden films of {manifest.shape}. Received {picture.shape}."
            )
    films = np.stack(pictures)
    for film, logit in zip(golden.films, engine.logits(films).tolist(), strict=True):
        probability = manifest.calibration.probability(logit)
        # NaN fails every comparison, so not >.
        fits = abs(logit - film.logit) <= LOGIT_TOLERANCE
        if not (fits and abs(probability - film.probability) <= PROBABILITY_TOLERANCE):
            raise ArtifactRefused(
                f"{manifest.label}: a golden film should give logit {film.logit:.4f} and probability "
                f"{film.probability:.5f}; the {engine.name} engine gives {logit:.4f} and {probability:.5f}."
            )
    gate = read_gate(path.parent, manifest.gate)
    for film, distance in zip(golden.films, _measure_distances(films, engine, gate), strict=True):
        if distance is None:
            break
        if film.gate_distance is None:
            raise ArtifactRefused(f"{manifest.label}: expected a gate's distance of every golden film. One has none.")
        if not abs(distance - film.gate_distance) <= GATE_TOLERANCE * film.gate_distance:
            raise ArtifactRefused(
                f"{manifest.label}: a golden film should lie at {film.gate_distance} from the films of the training; "
                f"the {engine.name} engine and the gate give {distance:.4f}."
            )
    _check_maps(manifest, engine, films[:1])


def _check_maps(manifest: Manifest, engine: Engine, film: Films) -> None:
    spec = manifest.maps
    maps = engine.maps(film, cam=spec.cam is not None, layers=True)
    if spec.cam is None or not spec.cam.exact or maps.cam is None or maps.cam_bias is None:
        return
    total, logit = float(maps.cam.sum() + maps.cam_bias.sum()), float(maps.logits[0])
    if not abs(total - logit) <= LOGIT_TOLERANCE * max(1.0, float(np.abs(maps.cam).sum())):
        raise ArtifactRefused(
            f"{manifest.label}: expected a class activation map and a bias that sum to the logit {logit:.4f}. "
            f"They sum to {total:.4f}."
        )


def _encode_png(film: Films) -> str:
    ok, png = cv2.imencode(".png", film)
    if not ok:
        raise ArtifactRefused("Expected a golden film that PNG can hold. Received another.")
    return base64.b64encode(png.tobytes()).decode()


def _decode_png(text: str) -> Films:
    try:
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(text, validate=True), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (binascii.Error, ValueError, cv2.error):
        pixels = None
    if pixels is None:
        raise ArtifactRefused("Expected a golden film as base64 PNG. Received something else.")
    return pixels.astype(np.uint8, copy=False)
