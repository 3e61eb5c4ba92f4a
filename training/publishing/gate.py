"""A network's serving form and its films → the gate of the entry, and how it was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from app.errors import ArtifactRefused
from app.imaging.preprocess import shrink
from app.inference.engine import Engine
from app.inference.gate import Gate
from app.inference.gate_record import GateMetrics, GateRates
from app.inference.gate_reference import Reason
from app.inference.manifest import InputSpec
from training.augmentation.perturbations import VALIDATION_PERTURBATIONS
from training.augmentation.unsuitable import CHANGES, make_blank
from training.evaluation.gate import choose_gate
from training.fitting.gate import fit_reference

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]

_MOST_FILMS = 1000
"""Training films of each population that the reference is fitted on."""

_MOST_UNSUITABLE = 600
_MOST_PERTURBED = 200
_BLANKS = 200


@dataclass(frozen=True)
class GateFilms:
    """What a gate is made of, uint8.

    Attributes:
        training: films by population, (films, side, side); they are perturbed at this size.
        validation: likewise.
        others: images that are no films by kind, of the network's size, by which the gate may be chosen.
        held_out: others, by which it may not.
    """

    training: Mapping[str, Pixels]
    validation: Mapping[str, Pixels]
    others: Mapping[str, Pixels] = field(default_factory=dict)
    held_out: Mapping[str, Pixels] = field(default_factory=dict)


def make_gate(engine: Engine, films: GateFilms, spec: InputSpec, seed: int) -> tuple[Gate, GateMetrics]:
    """Fit the reference on training films, choose the thresholds on validation films, and measure both.

    Args:
        engine: of the exported network, with channel means.
        films: see `GateFilms`.
        spec: the network's input.
        seed: of what is sampled and perturbed.

    Raises:
        ArtifactRefused: the network has no channel means, or there are too few films.
    """
    rng = np.random.default_rng(seed)

    def measure(pixels: Iterable[Pixels]) -> Features:
        return measure_features(engine, _shrink_all(pixels, spec))

    sampled = {name: _sample(pixels, _MOST_FILMS, rng) for name, pixels in films.training.items()}
    populations = {
        name: np.concatenate([measure(pixels), measure(_perturb(pixels, rng))]) for name, pixels in sampled.items()
    }
    unsuitable: dict[Reason, list[Features]] = {}
    for reason, change in CHANGES.values():
        for pixels in sampled.values():
            unsuitable.setdefault(reason, []).append(measure(map(change, _sample(pixels, _MOST_UNSUITABLE, rng))))
    reference = fit_reference(populations, {reason: np.concatenate(parts) for reason, parts in unsuitable.items()})

    shown = {name: _shrink_all(pixels, spec) for name, pixels in films.validation.items()}
    features = {name: measure_features(engine, pixels) for name, pixels in shown.items()}
    perturbed = {
        way.name: np.concatenate(
            [
                way.apply(_sample(pixels, _MOST_PERTURBED, rng), width=spec.width, height=spec.height)
                for pixels in films.validation.values()
            ]
        )
        for way in VALIDATION_PERTURBATIONS
    }
    mild = {name: measure_features(engine, pixels) for name, pixels in perturbed.items()}
    chosen = choose_gate(
        reference,
        populations=list(populations),
        reasons=list(unsuitable),
        unperturbed=features,
        perturbed=np.concatenate(list(mild.values())),
    )
    gate = Gate(chosen, reference)
    usual = reference.distance(reference.standardise(np.concatenate(list(features.values()))))

    def rate(pixels: Pixels, found: Features | None = None) -> GateRates:
        return _rate(gate, pixels, measure_features(engine, pixels) if found is None else found, usual)

    side = next(iter(films.validation.values())).shape[1:]
    blanks = np.stack([make_blank(np.zeros(side, np.uint8), rng) for _ in range(_BLANKS)])
    made = {name: _change_all(films.validation.values(), change, spec) for name, (_, change) in CHANGES.items()}
    return gate, GateMetrics(
        false_alarms={f"{name}, unperturbed": rate(shown[name], features[name]) for name in shown}
        | {name: rate(perturbed[name], mild[name]) for name in perturbed},
        detection={
            name: rate(pixels)
            for name, pixels in (made | {"blank": _shrink_all(blanks, spec)} | dict(films.others)).items()
        },
        held_out={name: rate(pixels) for name, pixels in films.held_out.items()},
    )


def measure_features(engine: Engine, pixels: Pixels) -> Features:
    """Return the channel means, float32 (films, K), of uint8 films (films, height, width).

    Raises:
        ArtifactRefused: the network gives none.
    """
    parts = []
    for start in range(0, len(pixels), 32):
        means = engine.maps(pixels[start : start + 32], cam=False, layers=False).channel_means
        if means is None:
            raise ArtifactRefused("Expected a network with channel means for its gate. It has none.")
        parts.append(means)
    return np.concatenate(parts)


def _rate(gate: Gate, pixels: Pixels, features: Features, usual: NDArray[np.float64]) -> GateRates:
    found = [gate.assess(film, means) for film, means in zip(pixels, features, strict=True)]
    distances = np.array([each.distance for each in found])
    labels = np.r_[np.zeros(len(usual)), np.ones(len(distances))]
    return GateRates(
        images=len(found),
        refused=round(float(np.mean([each.verdict == "unsuitable" for each in found])), 6),
        unusual=round(float(np.mean([each.verdict == "unusual" for each in found])), 6),
        auc=round(float(roc_auc_score(labels, np.r_[usual, distances])), 6),
    )


def _sample(pixels: Pixels, count: int, rng: np.random.Generator) -> Pixels:
    return pixels[np.sort(rng.permutation(len(pixels))[:count])]


def _perturb(pixels: Pixels, rng: np.random.Generator) -> list[Pixels]:
    ways = rng.integers(len(VALIDATION_PERTURBATIONS), size=len(pixels))
    return [VALIDATION_PERTURBATIONS[way].change(film, rng) for film, way in zip(pixels, ways, strict=True)]


def _shrink_all(pixels: Iterable[Pixels], spec: InputSpec) -> Pixels:
    return np.stack([shrink(film, width=spec.width, height=spec.height) for film in pixels])


def _change_all(populations: Iterable[Pixels], change: Callable[[Pixels], Pixels], spec: InputSpec) -> Pixels:
    return np.concatenate([_shrink_all(map(change, pixels), spec) for pixels in populations])
