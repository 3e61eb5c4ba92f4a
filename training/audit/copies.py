"""The same films in two folders, original and copy: how far predictions differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidParameter
from app.names import LABELS
from training.data.films import input_size, read_film_files
from training.data.listing import list_films
from training.evaluation.assessment import predict
from training.evaluation.evaluation import Evaluation
from training.evaluation.logits import compute_logits


@dataclass(frozen=True)
class Difference:
    """Median and largest difference in probability of `films` pairs; classes changed."""

    films: int
    median: float
    largest: float
    classes_changed: int


@dataclass(frozen=True)
class Copies:
    """Two folders compared: `every` pair, and those `evaluated`, if any.

    `probabilities` of film and copy are (2, pairs); `unreadable` counts pairs with an unreadable file.
    """

    every: Difference
    evaluated: Difference | None
    unreadable: int
    probabilities: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Return the differences for `audit.json`."""
        return {
            "every": asdict(self.every),
            "evaluated": asdict(self.evaluated) if self.evaluated else None,
            "unreadable": self.unreadable,
        }


def compare_copies(evaluation: Evaluation, copies: Path) -> Copies:
    """Compare each film of an evaluation's folder with its namesake in another, both read as the service reads them.

    Namesakes have the same path, whatever the case of the class.

    Raises:
        InvalidParameter: no file has a namesake.
        WrongLayout: `copies` has no labelled films.
    """
    folder, manifest = evaluation.folder, evaluation.entry.manifest
    listings = [list_films(place) for place in (folder, copies)]
    first, second = ({_key(path): path for path in listing.paths} for listing in listings)
    shared = sorted(first.keys() & second.keys())
    if not shared:
        raise InvalidParameter(
            f"Expected copies in {copies} with the file names of {folder}. Received none of that class and name."
        )
    size = input_size(manifest.input)
    films, others = (
        read_film_files(listing.folder, [named[key] for key in shared], **size, console=evaluation.console)
        for listing, named in zip(listings, (first, second), strict=True)
    )
    places = [{_key(path): number for number, path in enumerate(side.paths)} for side in (films, others)]
    keys = sorted(places[0].keys() & places[1].keys())
    logits = []
    for side, place in zip((films, others), places, strict=True):
        pixels = side.pixels[[place[key] for key in keys]]
        logits.append(compute_logits(evaluation.engine, pixels, evaluation.console))
    both = np.stack(logits)
    calibrate = manifest.calibration.probability
    probabilities = np.array([[calibrate(logit) for logit in row] for row in both.tolist()])
    changed = np.logical_xor(*predict(both, evaluation.threshold))
    chosen = np.isin(keys, [_key(path) for path in evaluation.films.paths])
    return Copies(
        every=_difference(probabilities, changed),
        evaluated=_difference(probabilities[:, chosen], changed[chosen]) if chosen.any() else None,
        unreadable=len(shared) - len(keys),
        probabilities=probabilities,
    )


def _key(path: str) -> str:
    """Return a path with classes in capitals."""
    return "/".join(name.upper() if name.upper() in LABELS else name for name in path.split("/"))


def _difference(probabilities: NDArray[np.float64], changed: NDArray[np.bool_]) -> Difference:
    apart = np.abs(probabilities[0] - probabilities[1])
    return Difference(len(apart), round(float(np.median(apart)), 6), round(float(apart.max()), 6), int(changed.sum()))
