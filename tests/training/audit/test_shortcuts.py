"""Baselines find planted shortcut features on left-out patients, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from training.audit.shortcuts import describe_files, describe_pixels, measure_shortcuts
from training.data.films import Films

PATIENTS, EACH = 40, 2
Patients = tuple[NDArray[np.int64], NDArray[np.int64]]


def films_of(labels: Sequence[int] | NDArray[np.int64], sizes: NDArray[np.int64], offsets: NDArray[np.int64]) -> Films:
    """Films of noise, some brighter."""
    rng = np.random.default_rng(5)
    noise = rng.integers(60, 160, (len(labels), 150, 150))
    pixels = np.clip(noise + np.asarray(offsets)[:, np.newaxis, np.newaxis], 0, 255).astype(np.uint8)
    names = tuple(str(number) for number in range(len(labels)))
    return Films(names, pixels, np.asarray(labels, np.uint8), names, np.asarray(sizes, np.int64))


@pytest.fixture
def patients() -> Patients:
    """Each film's patient and class; a patient has one."""
    groups = np.repeat(np.arange(PATIENTS), EACH)
    return groups, groups % 2


def sizes_of(size: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.column_stack([np.full(len(size), 150), np.full(len(size), 150), size])


def test_a_planted_file_size_is_found_by_the_file_alone(patients: Patients) -> None:
    """Larger files are NORMAL; pixels know nothing."""
    groups, labels = patients
    size = np.random.default_rng(1).integers(4000, 5000, len(labels)) + 800 * (1 - labels)
    file, statistics = measure_shortcuts(films_of(labels, sizes_of(size), 0 * labels), groups)
    assert file.auc.value > 0.9
    assert file.auc.low > 0.8
    assert statistics.auc.low < 0.5 < statistics.auc.high


def test_planted_brightness_is_found_by_the_statistics_alone(
    patients: Patients,
) -> None:
    """Files know nothing."""
    groups, labels = patients
    size = np.random.default_rng(2).integers(4000, 5000, len(labels))
    file, statistics = measure_shortcuts(films_of(labels, sizes_of(size), 20 * labels), groups)
    assert statistics.auc.value > 0.95
    assert file.auc.low < 0.5 < file.auc.high


def test_a_patients_own_files_predict_nothing_of_other_patients() -> None:
    """Each patient has a file size of its own and a random class."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(PATIENTS), 4)
    labels = rng.permutation(np.arange(PATIENTS) % 2)[groups]
    size = rng.permutation(np.arange(4000, 4000 + 50 * PATIENTS, 50))[groups]
    file, _ = measure_shortcuts(films_of(labels, sizes_of(size), 0 * labels), groups)
    assert 0.25 < file.auc.value < 0.75


def test_one_patient_a_class_leaves_a_baseline_undefined() -> None:
    """None is left to test on."""
    labels = np.array([0, 0, 1, 1])
    for baseline in measure_shortcuts(films_of(labels, sizes_of(np.arange(4) + 9), 0 * labels), labels):
        assert baseline.auc.value is None
        assert "fewer than 2 patients" in baseline.to_json()["auc"]["note"]


def test_a_flat_film_has_no_contrast_and_no_sharpness() -> None:
    """Three energies, mean, deviation and two percentiles."""
    assert describe_pixels(np.full((224, 224), 90, np.uint8)).tolist() == pytest.approx(
        [0, 0, 0, 90, 0, 90, 90], abs=1e-3
    )


def test_a_file_is_described_by_four_numbers() -> None:
    """Bytes, width, height, bytes per pixel."""
    assert describe_files(np.array([[20, 10, 50]])).tolist() == [[50, 20, 10, 0.25]]
