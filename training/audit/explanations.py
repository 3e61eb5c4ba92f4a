"""Whether a model's class activation maps explain its logit: five checks on labelled films."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidParameter
from app.inference.manifest import CamSpec
from training.audit.deletion import ExplainedFilms, measure_curves
from training.audit.explanations_record import Explanations, SumCheck
from training.audit.head_bias import compute_head_biases
from training.audit.lung_evidence import measure_lung_evidence
from training.audit.map_stability import measure_stability
from training.audit.randomisation import measure_randomisation
from training.evaluation.assessment import predict
from training.evaluation.evaluation import Evaluation
from training.evaluation.logits import Cams, compute_cams, progress_bar
from training.fitting.sources import LungNetwork

LARGEST_DIFFERENCE = 1e-3
"""Of a map's sum and the head's own bias from the logit; absolute."""

RANDOMISED_FILMS = 60
CURVE_FILMS = 60
"""Of each predicted class. Both are samples of patients; the other checks take all films."""

_SEED = 1


def find_exact_cam(evaluation: Evaluation) -> CamSpec:
    """Return how a model's maps are made.

    Raises:
        InvalidParameter: they do not sum to the logit.
    """
    cam = evaluation.entry.manifest.maps.cam
    if cam is None or not cam.exact:
        raise InvalidParameter(
            "Expected a model whose class activation map and bias sum to its logit, for --explanations. Received "
            f"{evaluation.entry.label}, whose maps are made by {cam.method if cam else 'occlusion'}."
        )
    return cam


def measure_explanations(evaluation: Evaluation, lungs: LungNetwork | None) -> Explanations:
    """Measure all of `Explanations`; without `lungs`, not the evidence outside them.

    Raises:
        InvalidParameter: the model has no exact map.
    """
    cam = find_exact_cam(evaluation)
    entry, films, engine = evaluation.entry, evaluation.films, evaluation.engine
    pixels, groups = films.pixels, evaluation.grouping.groups
    network_file = entry.folder / "model.keras"
    with progress_bar(evaluation.console) as progress:
        found = compute_cams(engine, pixels, progress, "Maps of all films")
        maps = found.values
        biases = compute_head_biases(keras.saving.load_model(network_file, compile=False), pixels)
        is_pneumonia = predict(found.logits, evaluation.threshold)
        traced = np.concatenate(
            [sample_films(np.flatnonzero(is_pneumonia == wanted), groups, CURVE_FILMS) for wanted in (False, True)]
        )
        explained = ExplainedFilms(pixels[traced], maps[traced], is_pneumonia[traced], groups[traced])
        randomised = sample_films(np.arange(len(films)), groups, RANDOMISED_FILMS)
        return Explanations(
            model=entry.label,
            model_sha256=entry.manifest.sha256.model_keras,
            data=evaluation.films_in_words,
            data_fingerprint=films.fingerprint(),
            grouping=evaluation.grouping.rule,
            method=cam.method,
            layer=cam.layer,
            rows=maps.shape[1],
            columns=maps.shape[2],
            sum_check=check_sum(found, biases),
            stability=measure_stability(engine, pixels, maps, groups, progress),
            curves=measure_curves(engine, explained, progress),
            randomisation=measure_randomisation(
                network_file, entry.manifest.maps, pixels[randomised], groups[randomised], progress
            ),
            lungs=measure_lung_evidence(lungs, pixels, maps, films.labels, groups) if lungs else None,
        )


def check_sum(found: Cams, biases: NDArray[np.float64]) -> SumCheck:
    """Return the largest difference of maps' sums and `compute_head_biases` from the logits."""
    sums = found.values.sum(axis=(1, 2), dtype=np.float64) + biases
    largest = float(np.abs(sums - found.logits).max())
    return SumCheck(films=len(sums), largest_difference=largest, allowed=LARGEST_DIFFERENCE)


def sample_films(numbers: NDArray[np.intp], groups: NDArray[np.int64], at_most: int) -> NDArray[np.intp]:
    """Return some of the films, in order: all films of patients in random order, until one more would be too many.

    Args:
        numbers: of the films.
        groups: patients of all films.
        at_most: films; one patient is sampled in any case.
    """
    patients = np.unique(groups[numbers])
    chosen: list[NDArray[np.intp]] = []
    for patient in np.random.default_rng(_SEED).permutation(patients):
        theirs = numbers[groups[numbers] == patient]
        if chosen and sum(map(len, chosen)) + len(theirs) > at_most:
            break
        chosen.append(theirs)
    return np.sort(np.concatenate(chosen)) if chosen else numbers
