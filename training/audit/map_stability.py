"""Stability of class activation maps: re-encoding a film, or shifting it a little, must hardly change its map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from app.inference.engine import Engine, Films, Floats
from training.audit.explanations_record import MapStability
from training.audit.map_similarity import rank_correlations, structural_similarities
from training.augmentation.filters import encode_as_jpeg
from training.evaluation.logits import compute_cams
from training.evaluation.means import measure_mean

QUALITY = 75
SHIFT = 2
"""Pixels of the network's input."""


def shift_film(film: Films, down: int, right: int) -> Films:
    """Shift a film (height, width) by pixels, its edge replicated."""
    margin = max(abs(down), abs(right))
    padded = np.pad(film, margin, mode="edge")
    height, width = film.shape
    return padded[margin - down :, margin - right :][:height, :width]


PERTURBATIONS: dict[str, Callable[[Films], Films]] = {
    f"JPEG quality {QUALITY}": lambda film: encode_as_jpeg(film, QUALITY),
    f"{SHIFT} pixels to the left": lambda film: shift_film(film, 0, -SHIFT),
    f"{SHIFT} pixels to the right": lambda film: shift_film(film, 0, SHIFT),
    f"{SHIFT} pixels up": lambda film: shift_film(film, -SHIFT, 0),
    f"{SHIFT} pixels down": lambda film: shift_film(film, SHIFT, 0),
}
"""Applied to films of the network's input size."""


def measure_stability(
    engine: Engine, films: Films, maps: Floats, groups: NDArray[np.int64], progress: Progress
) -> list[MapStability]:
    """Compare maps with those of perturbed films, cell by cell: a shifted map is not moved back.

    Args:
        engine: of a model with maps.
        films: uint8 (films, height, width).
        maps: of the films, (films, rows, columns).
        groups: their patients.
        progress: shows what is done.
    """
    measured = []
    for name, perturb in PERTURBATIONS.items():
        perturbed = compute_cams(engine, np.stack([perturb(film) for film in films]), progress, f"Maps, {name}").values
        correlations, ssim = rank_correlations(maps, perturbed), structural_similarities(maps, perturbed)
        measured.append(
            MapStability(
                perturbation=name,
                films=len(films),
                rank_correlation=measure_mean(correlations, groups).to_record(),
                rank_correlation_p5=round(float(np.percentile(correlations, 5)), 6),
                ssim=measure_mean(ssim, groups).to_record(),
                ssim_p5=round(float(np.percentile(ssim, 5)), 6),
            )
        )
    return measured
