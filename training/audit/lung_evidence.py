"""The proportion of maps' evidence outside the lungs, which a lung network finds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engine import Films, Floats
from app.inference.record import Estimate
from app.names import LABELS
from training.audit.explanations_record import LungEvidence, OutsideLungs
from training.augmentation.lungs import IS_LUNG, MASK_SIDE, Pixels, find_box
from training.evaluation.means import measure_ratio
from training.fitting.sources import LungNetwork
from training.networks.lungs import find_masks

MARGINS = (0.0, 0.05)
"""By how much lungs are dilated, in proportions of the film's side; the second is half a cell of a 10 × 10 map."""


def measure_lung_evidence(
    lungs: LungNetwork, films: Films, maps: Floats, labels: NDArray[np.uint8], groups: NDArray[np.int64]
) -> LungEvidence:
    """Measure area and evidence outside the lungs, by class and margin.

    A cell's value counts in proportion to the cell's area outside. Films in which no lungs are found are left out.

    Args:
        lungs: finds the lungs.
        films: uint8 (films, height, width).
        maps: (films, rows, columns).
        labels: (films,), 1 for PNEUMONIA.
        groups: the films' patients.
    """
    masks = find_masks(lungs.network, films)
    has_lungs = np.array([find_box(mask) is not None for mask in masks])
    proportions = []
    for number, label in enumerate(LABELS):
        counted = has_lungs & (labels == number)
        if not counted.any():
            continue
        of_label, patients = maps[counted].astype(np.float64), groups[counted]
        absolute, towards = np.abs(of_label), np.maximum(of_label, 0)
        for margin in MARGINS:
            outside = np.stack([cells_outside(mask, margin, maps.shape[1:]) for mask in masks[counted]])
            proportions.append(
                OutsideLungs(
                    label=label,
                    films=len(of_label),
                    margin=margin,
                    area=_share(np.ones_like(of_label), outside, patients),
                    absolute=_share(absolute, outside, patients),
                    effective_absolute=_count_films(absolute),
                    towards=_share(towards, outside, patients),
                    effective_towards=_count_films(towards),
                )
            )
    return LungEvidence(network_sha256=lungs.sha256, without_lungs=int(np.sum(~has_lungs)), proportions=proportions)


def cells_outside(mask: Pixels, margin: float, grid: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the proportion of each cell of a map that lies outside the lungs, (rows, columns).

    Args:
        mask: see `augmentation.lungs`.
        margin: by which the lungs are dilated, in proportions of the side.
        grid: rows and columns of the map.
    """
    reach = round(margin * MASK_SIDE)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    lungs = cv2.dilate((mask > IS_LUNG).astype(np.uint8), disk).astype(np.float64)
    return np.asarray(1 - cv2.resize(lungs, (grid[1], grid[0]), interpolation=cv2.INTER_AREA), np.float64)


def _share(evidence: NDArray[np.float64], outside: NDArray[np.float64], groups: NDArray[np.int64]) -> Estimate:
    """Return the proportion of the films' evidence that lies outside."""
    return measure_ratio((evidence * outside).sum(axis=(1, 2)), evidence.sum(axis=(1, 2)), groups).to_record()


def _count_films(evidence: NDArray[np.float64]) -> float:
    """Return the effective number of films: the squared sum of their evidence over the sum of squares."""
    of_films = evidence.sum(axis=(1, 2))
    squares = float(np.sum(of_films**2))
    return round(float(of_films.sum()) ** 2 / squares, 1) if squares else 0.0
