"""The making of a gate: what it is fitted on, how thresholds are chosen, and what is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import PneumoServeError
from app.inference.artifact import find_entry, open_verified
from app.inference.gate_reference import Reference
from app.inference.manifest import InputSpec
from tests.conftest import encode, film_pixels
from training.augmentation.unsuitable import CHANGES, flip, invert, make_blank, turn
from training.data.films import input_size
from training.data.images_by_kind import read_kinds, split_kinds
from training.evaluation.gate import FALSE_ALARMS, choose_gate
from training.publishing.gate import GateFilms, make_gate

SPEC = InputSpec(width=150, height=150, resize="squeeze-inter-area")


def test_films_are_made_unsuitable_as_their_names_say() -> None:
    film = np.array([[10, 20], [30, 250]], np.uint8)
    assert invert(film).tolist() == [[250, 240], [230, 10]]
    assert turn(film, 1).tolist() == [[20, 250], [10, 30]]
    assert flip(film).tolist() == [[30, 250], [10, 20]]
    assert {reason for reason, _ in CHANGES.values()} == {"inverted", "on its side", "upside down"}
    assert np.array_equal(CHANGES["turned by 180°"][1](film), film[::-1, ::-1])
    assert np.array_equal(CHANGES["turned by 270°"][1](film), turn(turn(turn(film, 1), 1), 1))


def test_blank_images_differ() -> None:
    """Of one level, gradients and noise, in the film's size."""
    blanks = [make_blank(np.zeros((40, 30), np.uint8), np.random.default_rng(seed)) for seed in range(40)]
    assert {blank.shape for blank in blanks} == {(40, 30)}
    assert {blank.dtype for blank in blanks} == {np.dtype(np.uint8)}
    assert any(blank.std() == 0 for blank in blanks)
    assert any(blank.std() > 20 for blank in blanks)


def one_channel(scale: float = 1.0) -> Reference:
    """A reference by which the distance of channel means (x, 0) is the absolute x."""
    direction = np.array([[1.0], [0.0]], np.float32)
    zeros = np.zeros((1, 2), np.float32)
    return Reference(
        mean=np.zeros(2, np.float32),
        scale=np.ones(2, np.float32),
        centres=zeros,
        directions=direction,
        variances=np.full(1, 0.5 / scale**2, np.float32),
        rest=np.ones(1, np.float32),
        weights=np.array([[0.0, 1.0], [0.0, 0.0]], np.float32),
        bias=np.array([0.0, -5.0], np.float32),
    )


def means(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values, np.zeros(len(values))]).astype(np.float32)


def test_thresholds_keep_to_the_false_alarms_of_every_population() -> None:
    """Of each alone, not of all together; and of the perturbed films."""
    near, far = np.linspace(0, 1, 1001), np.linspace(0, 2, 1001)
    spec = choose_gate(
        one_channel(),
        populations=["near", "far"],
        reasons=["inverted"],
        unperturbed={"near": means(near), "far": means(far)},
        perturbed=means(np.linspace(0, 1.5, 1001)),
    )
    flagged = np.mean(one_channel().distance(means(far)) >= spec.unusual)
    assert FALSE_ALARMS - 0.001 < flagged <= FALSE_ALARMS
    assert spec.unsuitable == pytest.approx(2.2, rel=1e-3)
    assert spec.least_probability == [0.5]
    perturbed = means(np.linspace(0, 4, 1001))
    wider = choose_gate(
        one_channel(), populations=["near"], reasons=[], unperturbed={"near": means(near)}, perturbed=perturbed
    )
    assert np.mean(one_channel().distance(perturbed) >= wider.unusual) <= 0.012
    assert wider.unusual > 3.9


def test_a_reason_that_validation_films_resemble_needs_more_probability() -> None:
    """So that at most one in a thousand are taken for it."""
    values = np.linspace(0, 8, 2001)
    spec = choose_gate(
        one_channel(),
        populations=["all"],
        reasons=["inverted"],
        unperturbed={"all": means(values)},
        perturbed=means(values),
    )
    taken = one_channel().probabilities(means(values))[:, 1] >= spec.least_probability[0]
    assert 0 < np.mean(taken) + 1e-9 <= 0.001 + 1e-9
    assert spec.least_probability[0] > 0.9


def test_a_reason_of_which_validation_films_are_certain_is_never_believed() -> None:
    """No probability is beyond one: all these films would be refused."""
    values, reference = means(np.full(1000, 900.0)), replace(one_channel(), bias=np.array([0, 90], np.float32))
    spec = choose_gate(
        reference, populations=["all"], reasons=["inverted"], unperturbed={"all": values}, perturbed=values
    )
    assert reference.probabilities(values).max() == 1
    assert spec.least_probability[0] > 1


def test_a_gate_is_measured_on_every_kind(gated_store: Path) -> None:
    """False alarms by population and perturbation, detection by change, and images held out."""
    entry = find_entry(gated_store)
    films = np.stack([film_pixels(seed, 224, 224) for seed in range(40)])
    noise = np.random.default_rng(0).integers(0, 256, (6, 150, 150), dtype=np.uint8)
    gathered = GateFilms({"one": films[:20], "two": films[20:]}, {"one": films}, {"noise": noise}, {"more": noise[:3]})
    gate, rates = make_gate(open_verified(entry), gathered, SPEC, seed=2)
    assert gate.spec.populations == ["one", "two"]
    assert gate.reference.centres.shape == (2, 8)
    assert rates.false_alarms["one, unperturbed"].images == 40
    assert "blur, sigma 2" in rates.false_alarms
    assert set(rates.detection) == {*CHANGES, "blank", "noise"}
    assert rates.detection["noise"].refused == rates.held_out["more"].refused == 1
    assert rates.detection["noise"].auc == 1


def test_images_are_read_by_kind_and_halved(tmp_path: Path) -> None:
    """Unreadable ones are left out; the halves share no image, and the same seed gives the same."""
    for kind, count in (("hands", 5), ("one", 1)):
        (tmp_path / kind).mkdir()
        for number in range(count):
            (tmp_path / kind / f"{number}.png").write_bytes(encode(film_pixels(number, 90, 90), ".png"))
    (tmp_path / "hands" / "notes.txt").write_text("no image")
    kinds = read_kinds(tmp_path, input_size(SPEC))
    assert {kind: len(images) for kind, images in kinds.items()} == {"hands": 5, "one": 1}
    chosen, rest = split_kinds(kinds, 7)
    assert {kind: len(images) for kind, images in chosen.items()} == {"hands": 3, "one": 1}
    assert {kind: len(images) for kind, images in rest.items()} == {"hands": 2}
    together = np.concatenate([chosen["hands"], rest["hands"]])
    assert len({image.tobytes() for image in together}) == 5
    again, _ = split_kinds(kinds, 7)
    assert np.array_equal(again["hands"], chosen["hands"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(PneumoServeError, match="one subfolder a kind"):
        read_kinds(tmp_path / "empty", input_size(SPEC))
