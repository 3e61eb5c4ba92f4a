"""Films of one patient, and copies of one film, stay on one side of a split."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import PneumoServeError
from tests.drawn import write_kaggle_layout
from training.data.films import read_films
from training.data.listing import list_films
from training.data.patients import group_by_patient, join_copies, split_by_group


def test_kaggle_numberings_are_merged_within_a_class() -> None:
    """`virus` and `bacteria` share a number, `IM` and `NORMAL2-IM` do, the two classes do not."""
    grouping = group_by_patient(
        (
            "PNEUMONIA/person7_virus_1.jpeg",
            "PNEUMONIA/person7_bacteria_22.jpeg",
            "NORMAL/IM-0007-0001.jpeg",
            "NORMAL/NORMAL2-IM-0007-0001-0002.jpeg",
            "PNEUMONIA/person70_virus_1.jpeg",
        )
    )
    first, second, third, fourth, fifth = grouping.groups
    assert first == second != third == fourth
    assert fifth not in (first, third)
    assert grouping.rule == "by patient, from Kaggle or NIH file names"


def test_nih_patient_may_stand_in_both_classes() -> None:
    """NIH numbers name a patient."""
    groups = group_by_patient(("NORMAL/00000012_000.png", "PNEUMONIA/00000012_003.png", "NORMAL/00000013_000.png"))
    assert groups.groups[0] == groups.groups[1] != groups.groups[2]


def test_unknown_names_are_grouped_by_image_and_the_rule_says_so() -> None:
    grouping = group_by_patient(("NORMAL/a.png", "NORMAL/b.png"))
    assert len(set(grouping.groups)) == 2
    assert grouping.rule.startswith("by image: no patient is known")
    mixed = group_by_patient(("NORMAL/a.png", "NORMAL/IM-0001-0001.jpeg"))
    assert "1 of 2 films have no patient there" in mixed.rule


def test_folders_between_class_and_film_separate_no_patient() -> None:
    """Nor the case of the class, or the set's place."""
    groups = group_by_patient(
        (
            "PNEUMONIA/virus/person7_virus_1.jpeg",
            "PNEUMONIA/bacteria/person7_bacteria_2.jpeg",
            "x/Pneumonia/person7_virus_3.jpeg",
            "normal/NORMAL2-IM-0007-0001.jpeg",
        )
    ).groups
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_copies_join_their_patients(tmp_path: Path) -> None:
    """Others stay apart."""
    write_kaggle_layout(tmp_path, 6)
    folder = tmp_path / "train" / "NORMAL"
    shutil.copy(folder / "IM-0001-0001.jpeg", folder / "IM-0009-0001.jpeg")
    films = read_films(list_films(tmp_path, "train"), width=64, height=64)
    groups, copies = join_copies(group_by_patient(films.paths).groups, films)
    group_of = dict(zip(films.paths, groups.tolist(), strict=True))
    assert copies == 1
    assert group_of["NORMAL/IM-0009-0001.jpeg"] == group_of["NORMAL/IM-0001-0002.jpeg"]
    assert len(set(groups.tolist())) == 6


@given(
    seed=st.integers(0, 999),
    proportion=st.floats(0.05, 0.6),
    sizes=st.lists(st.integers(1, 6), min_size=8, max_size=60),
)
def test_a_split_keeps_every_group_on_one_side(seed: int, proportion: float, sizes: list[int]) -> None:
    """Both classes lie on both sides, in proportion, whatever the groups' sizes."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = (groups % 2).astype(np.uint8)
    first, second = split_by_group(labels, groups, proportion, seed)
    assert not set(groups[first]) & set(groups[second])
    assert sorted([*first, *second]) == list(range(len(groups)))
    for label in (0, 1):
        held = np.sum(labels[second] == label)
        assert 0 < held < np.sum(labels == label)
        assert held <= proportion * np.sum(labels == label) + max(sizes)


def test_a_split_depends_on_its_seed() -> None:
    """The same one splits alike."""
    labels = np.tile([0, 1], 50).astype(np.uint8)
    groups = np.arange(100)
    again = [split_by_group(labels, groups, 0.2, seed)[1].tolist() for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


def test_a_class_of_one_patient_cannot_be_split() -> None:
    with pytest.raises(PneumoServeError, match="at least 2 patients of each class"):
        split_by_group(np.array([0, 0, 1, 1], np.uint8), np.array([0, 0, 1, 2]), 0.2, 1)
