"""Films grouped by patient and exact copy, and the split that keeps groups whole."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import PneumoServeError
from training.data.films import Films
from training.data.layout import class_folder
from training.data.patient_table import PatientTable

# personN_virus and personN_bacteria number patients separately, as do IM-N and NORMAL2-IM-N. Merging by bare number is
# coarser than needed, and safe.
_KAGGLE = re.compile(r"(?:person|(?:NORMAL2-)?IM-)(\d+)[-_]", re.IGNORECASE)
_NIH = re.compile(r"(\d{8})_\d{3}\.")


@dataclass(frozen=True)
class Grouping:
    """Films grouped by patient: int64 `groups` (films,), and their `rule` in words."""

    groups: NDArray[np.int64]
    rule: str


def group_by_patient(paths: Sequence[str], table: PatientTable | None = None, folder: Path | None = None) -> Grouping:
    """Group films by patient: from `table`, else from Kaggle or NIH file names, else by image.

    Paths, such as `NORMAL/a.jpeg`, start at `folder`.
    """
    patients = [_patient_by_name(path) if table is None else table.patient_of(path, folder) for path in paths]
    unknown = patients.count(None)
    keys = [patient or f"image {path}" for patient, path in zip(patients, paths, strict=True)]
    groups = np.unique(np.array(keys), return_inverse=True)[1].astype(np.int64)
    source = "the table given" if table is not None else "Kaggle or NIH file names"
    if unknown == len(paths):
        return Grouping(groups, f"by image: no patient is known from {source}")
    rest = f"; {unknown} of {len(paths)} films have no patient there and stand alone" if unknown else ""
    return Grouping(groups, f"by patient, from {source}{rest}")


def are_kaggle_names(paths: tuple[str, ...]) -> bool:
    """Return whether all films are named as the Kaggle set chest-xray-pneumonia's."""
    return all(_KAGGLE.match(path.rpartition("/")[2]) for path in paths)


def join_copies(groups: NDArray[np.int64], films: Films) -> tuple[NDArray[np.int64], int]:
    """Join groups of films with the same pixels; return int64 groups (films,), and the number of exact copies."""
    parent: dict[int, int] = {}

    def find(group: int) -> int:
        while (above := parent.get(group, group)) != group:
            group = above
        return group

    first_with: dict[bytes, int] = {}
    copies = 0
    for group, pixels in zip(groups.tolist(), films.pixels, strict=True):
        digest = hashlib.sha256(pixels.tobytes()).digest()
        if digest in first_with:
            copies += 1
            parent[find(group)] = find(first_with[digest])
        else:
            first_with[digest] = group
    return np.array([find(group) for group in groups.tolist()], np.int64), copies


def split_by_group(
    labels: NDArray[np.uint8], groups: NDArray[np.int64], proportion: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split films in two, stratified by class, every group on one side; return sorted indices of both parts.

    A group counts with its majority's class; the second part gets `proportion` (0 to 1) of each class's films, as near
    as whole groups allow. The same seed splits alike.

    Raises:
        PneumoServeError: a class has fewer than two groups.
    """
    rng = np.random.default_rng(seed)
    names, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    stratum = np.bincount(member, weights=labels) * 2 > sizes
    second = np.zeros(len(names), bool)
    for is_positive in (False, True):
        candidates = rng.permutation(np.flatnonzero(stratum == is_positive))
        if len(candidates) < 2:
            raise PneumoServeError(
                f"Expected at least 2 patients of each class, to validate on one. Received {len(candidates)}."
            )
        filled = np.cumsum(sizes[candidates])
        wanted = np.searchsorted(filled, proportion * filled[-1]) + 1
        second[candidates[: min(max(wanted, 1), len(candidates) - 1)]] = True
    in_second = second[member]
    return np.flatnonzero(~in_second), np.flatnonzero(in_second)


def _patient_by_name(path: str) -> str | None:
    name = posixpath.basename(path)
    if match := _NIH.match(name):
        return f"NIH {match[1]}"
    if match := _KAGGLE.match(name):
        return f"Kaggle {class_folder(path)[1]} {int(match[1])}"
    return None
