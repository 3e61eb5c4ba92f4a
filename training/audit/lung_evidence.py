"""The proportion of a map's evidence outside the lungs, which a lung network finds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engine import Films, Floats
from app.names import LABELS
from training.audit.explanations_record import LungEvidence, OutsideLungs
from training.augmentation.lungs import IS_LUNG, MASK_SIDE, Pixels, find_box
from training.evaluation.means import measure_mean
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
        for margin in MARGINS:
            outside = np.stack([cells_outside(mask, margin, maps.shape[1:]) for mask in masks[counted]])
            proportions.append(
                OutsideLungs(
                    label=label,
                    films=len(of_label),
                    margin=margin,
                    area=measure_mean(outside.mean(axis=(1, 2)), patients).to_record(),
                    absolute=measure_mean(_share(np.abs(of_label), outside), patients).to_record(),
                    towards=measure_mean(_share(np.maximum(of_label, 0), outside), patients).to_record(),
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


def _share(evidence: NDArray[np.float64], outside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the proportion of each film's evidence outside, (films,); not a number where there is none."""
    total = evidence.sum(axis=(1, 2))
    undefined = np.full(len(total), np.nan)
    shares: NDArray[np.float64] = np.divide((evidence * outside).sum(axis=(1, 2)), total, undefined, where=total > 0)
    return shares
