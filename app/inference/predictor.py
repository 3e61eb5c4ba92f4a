"""Bytes of one film → its prediction, for server and command line."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

import numpy as np

from app.errors import InvalidParameter
from app.imaging.formats import DEFAULT_MAX_PIXELS
from app.imaging.preprocess import inspect_film, load_film
from app.inference.artifact import Entry, find_entry, open_verified
from app.inference.calibration import Decision, decide
from app.inference.engine import Engine, Films, Maps
from app.inference.explain import ActivationMap, occlude, plot_cam, plot_layer
from app.inference.gate import Passage, pass_gate, read_gate
from app.names import DEFAULT_ENGINE, EngineName, GateMode
from app.notice import Notice

MapKind = Literal["none", "cam", "layers", "all"]
LARGE_FILM_BYTES = 64 * 2**20
"""Decoded bytes over which films are decoded one at a time."""

MAP_KINDS: tuple[MapKind, ...] = get_args(MapKind)


@dataclass(frozen=True)
class FilmPrediction:
    """One film's prediction: its `warnings`, then the model's; `seconds` of decode, infer, explain."""

    decision: Decision
    logit: float
    gate: Passage
    warnings: tuple[Notice, ...]
    maps: tuple[ActivationMap, ...]
    seconds: dict[str, float] = field(default_factory=dict)


class Predictor:
    """A verified model, for films from any thread."""

    def __init__(
        self, entry: Entry, engine: Engine, *, max_pixels: int = DEFAULT_MAX_PIXELS, prevalence: float | None = None
    ) -> None:
        self.entry = entry
        self.manifest = entry.manifest
        self.engine = engine
        self.prevalence = prevalence
        self.gate = read_gate(entry.folder, entry.manifest.gate)
        self._max_pixels = max_pixels
        self._one_large_film = threading.Lock()

    def point(self, wanted: str | None) -> str:
        """Return the wanted operating point's name, or the model's default.

        Raises:
            InvalidParameter: no such point; the message lists them.
        """
        points = self.manifest.operating_points
        if wanted is None:
            return self.manifest.default_operating_point
        if wanted not in points:
            raise InvalidParameter(f"operating_point: expected one of {', '.join(points)}. Received another.")
        return wanted

    def warm(self, gate: GateMode = "refuse") -> None:
        """Compute what a film needs, so that the calling thread's first one does not wait."""
        film = np.zeros(self.manifest.shape, np.uint8)
        self._compute(film, "none", reads_gate=self.gate is not None and gate != "off")

    def predict(
        self, data: bytes, *, operating_point: str, maps: MapKind = "none", gate: GateMode = "refuse"
    ) -> FilmPrediction:
        """Predict a JPEG or PNG at one of the model's operating points.

        Raises:
            ImageError: see `app.imaging.preprocess`; `UnsuitableImage` also where the gate refuses.
        """
        seconds: dict[str, float] = {}
        with _timed(seconds, "decode"):
            height, width = self.manifest.shape
            header = inspect_film(data, max_pixels=self._max_pixels)
            # Two of the largest at once need more memory than a container should have.
            with self._one_large_film if header.decoded_bytes > LARGE_FILM_BYTES else nullcontext():
                film = load_film(data, header, width=width, height=height, rule=self.manifest.input.resize)
        with _timed(seconds, "infer"):
            found = self._compute(film.pixels, maps, reads_gate=self.gate is not None and gate != "off")
            passage = pass_gate(self.gate, gate, film.pixels, found.channel_means)
        plots: tuple[ActivationMap, ...] = ()
        if maps != "none":
            with _timed(seconds, "explain"):
                plots = self._plot(film.pixels, maps, found)
        logit = float(found.logits[0])
        decision = decide(
            logit,
            calibration=self.manifest.calibration,
            labels=self.manifest.labels,
            operating_point=operating_point,
            threshold_logit=self.manifest.operating_points[operating_point],
            refer_band=self.manifest.refer_band,
            prevalence=self.prevalence,
        )
        if passage.verdict == "unusual":
            decision = replace(decision, refer=True)
        warnings = (*film.warnings, *passage.warnings, *self.manifest.notices)
        return FilmPrediction(decision, logit, passage, warnings, plots, seconds)

    def _compute(self, film: Films, kind: MapKind, *, reads_gate: bool) -> Maps:
        if kind == "none" and not reads_gate:
            return Maps(self.engine.logits(film[np.newaxis]), None, None, {})
        return self.engine.maps(film[np.newaxis], cam=kind in ("cam", "all"), layers=kind in ("layers", "all"))

    def _plot(self, film: Films, kind: MapKind, maps: Maps) -> tuple[ActivationMap, ...]:
        plots: list[ActivationMap] = []
        wants_cam = kind in ("cam", "all")
        spec = self.manifest.maps.cam
        if wants_cam and spec is not None and maps.cam is not None and maps.cam_bias is not None:
            bias = round(float(maps.cam_bias[0]), 6) if spec.exact else None
            plots.append(plot_cam(film, maps.cam[0], method=spec.method, layer=spec.layer, bias=bias))
        elif wants_cam:
            cam = occlude(self.engine, film)
            plots.append(plot_cam(film, cam, method="occlusion (Zeiler and Fergus 2014)", layer=None, bias=None))
        plots.extend(plot_layer(name, activations[0]) for name, activations in maps.layers.items())
        return tuple(plots)


def open_predictor(
    store: Path,
    wanted: str | None,
    engine: EngineName = DEFAULT_ENGINE,
    *,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    prevalence: float | None = None,
) -> Predictor:
    """Find and verify a model; see `find_entry` and `open_verified`.

    Raises:
        ModelError: the message is one line.
    """
    entry = find_entry(store, wanted)
    return Predictor(entry, open_verified(entry, engine), max_pixels=max_pixels, prevalence=prevalence)


@contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    start = perf_counter()
    yield
    seconds[phase] = perf_counter() - start
