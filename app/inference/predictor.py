"""Bytes of one film → its prediction, for server and command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

import numpy as np

from app.errors import InvalidParameter
from app.imaging.dicom.record import DicomReport
from app.imaging.formats import DEFAULT_MAX_PIXELS
from app.imaging.large_films import LargeFilms
from app.imaging.png_writer import encode_png
from app.imaging.preprocess import Film, inspect_film, load_film
from app.inference.artifact import Entry, find_entry, open_verified
from app.inference.calibration import Decision, decide
from app.inference.engine import Engine, Films, Maps
from app.inference.explain import EXACT_SCALE, ActivationMap, Evidence, occlude, plot_cam, plot_layer
from app.inference.gate import Passage, pass_gate, read_gate
from app.inference.overlay import Picture, Style, add_legend, paint_contour, paint_heat
from app.names import DEFAULT_ENGINE, EngineName, GateMode
from app.notice import Notice

MapKind = Literal["none", "cam", "layers", "all"]
MAX_OVERLAY_SIDE = 2048
"""Pixels of an overlay's longer side."""

MAP_KINDS: tuple[MapKind, ...] = get_args(MapKind)


@dataclass(frozen=True)
class FilmPrediction:
    """One film's prediction.

    `warnings`: the film's, then the model's; `seconds` of decode, infer, explain; `dicom`: what was done to its pixels.
    """

    decision: Decision
    logit: float
    gate: Passage
    warnings: tuple[Notice, ...]
    maps: tuple[ActivationMap, ...]
    seconds: dict[str, float] = field(default_factory=dict)
    dicom: DicomReport | None = None


@dataclass(frozen=True)
class Explanation:
    """A prediction, its film for the eye, uint8 (height, width), and `picture`: RGB with the map, or the film alone."""

    prediction: FilmPrediction
    film: Films
    picture: Picture

    def encode(self) -> bytes:
        """Return the picture as PNG."""
        return encode_png(self.picture)


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
        self._large_films = LargeFilms()

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
        """Predict a JPEG, PNG or DICOM file at one of the model's operating points.

        Raises:
            ImageError: see `app.imaging.preprocess`; `UnsuitableImage` also where the gate refuses.
        """
        seconds: dict[str, float] = {}
        film, found, passage = self._infer(data, maps, gate, seconds)
        plots: tuple[ActivationMap, ...] = ()
        if maps != "none":
            with _timed(seconds, "explain"):
                plots = self._plot(film.pixels, maps, found)
        return self._decide(film, found, passage, operating_point, plots, seconds)

    def explain(
        self,
        data: bytes,
        *,
        operating_point: str,
        style: Style = "heat",
        level: float | None = None,
        gate: GateMode = "refuse",
        max_side: int = MAX_OVERLAY_SIDE,
    ) -> Explanation:
        """Predict a film and return it at its own size, with its class activation map over it.

        Args:
            data: a JPEG, PNG or DICOM file.
            operating_point: one of the model's.
            style: `film` is the film alone.
            level: logits; weaker evidence is not drawn. None: 0 for heat, half of the scale for contours.
            gate: what becomes of a film outside the model's domain.
            max_side: pixels; a film with a longer side is reduced in proportion.

        Raises:
            ImageError: as `predict`.
        """
        seconds: dict[str, float] = {}
        film, found, passage = self._infer(data, "none" if style == "film" else "cam", gate, seconds, max_side=max_side)
        shown = film.shown if film.shown is not None else film.pixels
        with _timed(seconds, "explain"):
            prediction = self._decide(film, found, passage, operating_point, (), seconds)
            picture = shown
            if style != "film":
                picture = self._paint(shown, self._evidence(film.pixels, found), style, level, prediction)
        return Explanation(prediction, shown, picture)

    def _paint(
        self, film: Films, evidence: Evidence, style: Style, level: float | None, prediction: FilmPrediction
    ) -> Picture:
        decision, is_unusual = prediction.decision, prediction.gate.verdict == "unusual"
        notes = [
            f"{decision.label}, probability {decision.probability:.3f}, at {decision.operating_point}",
            *(["unusual film"] if is_unusual else []),
            *(["refer: the model abstains"] if decision.refer else []),
            f"{self.manifest.label}, not for diagnosis",
        ]
        if style == "heat":
            picture = paint_heat(film, evidence.cam, scale=evidence.scale, level=level or 0.0)
            hidden = f", under {level:.2g} not drawn" if level else ""
            add_legend(picture, [f"logits a cell{hidden}", *notes], scale=evidence.scale)
            return picture
        level = evidence.scale / 2 if level is None else level
        picture = paint_contour(film, evidence.cam, level=level)
        lines = [f"solid: {level:.2g} logits a cell towards pneumonia", "dashed: as many against it", *notes]
        add_legend(picture, lines, scale=None)
        return picture

    def _infer(
        self, data: bytes, maps: MapKind, gate: GateMode, seconds: dict[str, float], *, max_side: int | None = None
    ) -> tuple[Film, Maps, Passage]:
        with _timed(seconds, "decode"):
            height, width = self.manifest.shape
            header = inspect_film(data, max_pixels=self._max_pixels)
            with self._large_films.room_for(header):
                rule = self.manifest.input.resize
                film = load_film(data, header, width=width, height=height, rule=rule, max_side=max_side)
        with _timed(seconds, "infer"):
            found = self._compute(film.pixels, maps, reads_gate=self.gate is not None and gate != "off")
            passage = pass_gate(self.gate, gate, film.pixels, found.channel_means)
        return film, found, passage

    def _decide(
        self,
        film: Film,
        found: Maps,
        passage: Passage,
        operating_point: str,
        plots: tuple[ActivationMap, ...],
        seconds: dict[str, float],
    ) -> FilmPrediction:
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
        warnings = (*film.warnings, *self.manifest.judge_age(film.age), *passage.warnings, *self.manifest.notices)
        return FilmPrediction(decision, logit, passage, warnings, plots, seconds, film.dicom)

    def _compute(self, film: Films, kind: MapKind, *, reads_gate: bool) -> Maps:
        if kind == "none" and not reads_gate:
            return Maps(self.engine.logits(film[np.newaxis]), None, None, {})
        return self.engine.maps(film[np.newaxis], cam=kind in ("cam", "all"), layers=kind in ("layers", "all"))

    def _evidence(self, film: Films, maps: Maps) -> Evidence:
        spec = self.manifest.maps.cam
        if spec is None or maps.cam is None or maps.cam_bias is None:
            return occlude(self.engine, film)
        cam, bias = maps.cam[0], round(float(maps.cam_bias[0]), 6) if spec.exact else None
        return Evidence(cam, EXACT_SCALE / cam.size, spec.method, spec.layer, bias)

    def _plot(self, film: Films, kind: MapKind, maps: Maps) -> tuple[ActivationMap, ...]:
        cam = [plot_cam(film, self._evidence(film, maps))] if kind in ("cam", "all") else []
        return *cam, *(plot_layer(name, activations[0]) for name, activations in maps.layers.items())


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
