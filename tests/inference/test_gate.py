"""The gate: which films lie in a model's domain, and what an answer says of it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from app.errors import ArtifactRefused, UnsuitableImage
from app.inference.gate import Gate, pass_gate, read_gate
from app.inference.gate_reference import GateSpec, Reference
from training.fitting.gate import fit_reference

CHANNELS = 12


def sample(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Return channel means that two hidden causes drive, float32 (count, CHANNELS)."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(0).normal(size=(2, CHANNELS))
    found = rng.normal(size=(count, 2)) @ loadings + 0.1 * rng.normal(size=(count, CHANNELS)) + shift
    return found.astype(np.float32)


@pytest.fixture(scope="module")
def gate() -> Gate:
    """Return a gate of two populations that knows inverted films by their sign."""
    usual = {"one": sample(400, 1), "two": sample(400, 2, shift=3)}
    reference = fit_reference(usual, {"inverted": -sample(400, 3, shift=6)})
    spec = GateSpec(unusual=2.0, unsuitable=4.0, reasons=["inverted"], least_probability=[0.9], populations=list(usual))
    return Gate(spec, reference)


FILM = np.random.default_rng(5).integers(0, 255, (150, 150), dtype=np.uint8)


def measure(reference: Reference, features: np.ndarray) -> np.ndarray:
    """The distances of channel means."""
    return reference.distance(reference.standardise(features))


def test_a_typical_film_has_a_distance_of_about_one(gate: Gate) -> None:
    """Of either population, and not of the space between them."""
    for seed, shift in ((4, 0), (5, 3)):
        distances = measure(gate.reference, sample(300, seed, shift))
        assert 0.9 < np.sqrt(np.mean(distances**2)) < 1.1
    assert measure(gate.reference, sample(300, 6, 1.5)).min() > 2


def test_the_distance_is_mahalanobis_where_every_axis_is_kept() -> None:
    """Compared with SciPy's, of one population."""
    from scipy.spatial.distance import mahalanobis

    usual = sample(500, 7)
    reference = fit_reference({"all": usual}, {})
    film = sample(1, 8, shift=1)
    inverse = np.linalg.inv(np.cov(usual.astype(np.float64).T, bias=True))
    expected = mahalanobis(film[0], usual.mean(axis=0), inverse) / np.sqrt(CHANNELS)
    assert measure(reference, film)[0] == pytest.approx(expected, rel=2e-3)


def test_the_distance_is_that_of_the_formula(gate: Gate) -> None:
    """Written out in float64, centre by centre, for near films and far ones."""
    reference = gate.reference
    films = np.concatenate([sample(50, 20), sample(50, 21, shift=3), sample(50, 22, shift=40)])
    x = (films.astype(np.float64) - reference.mean) / reference.scale
    squares = []
    for centre in reference.centres:
        off = x - centre
        beside = np.square(off).sum(axis=1) - np.square(off @ reference.directions).sum(axis=1)
        along = (np.square(off @ reference.directions) / reference.variances).sum(axis=1)
        squares.append(along + beside / np.square(reference.rest[0]))
    expected = np.sqrt(np.min(squares, axis=0) / CHANNELS)
    assert measure(reference, films) == pytest.approx(expected, rel=1e-4)


def test_verdicts_follow_the_thresholds(gate: Gate) -> None:
    """Usual, unusual and unsuitable, by the distance; the thresholds themselves are over the line."""
    film = sample(1, 9)[0]
    distance = float(measure(gate.reference, film[np.newaxis])[0])
    for unusual, unsuitable, verdict in (
        (distance * 1.01, distance * 2, "usual"),
        (distance, distance * 2, "unusual"),
        (distance / 2, distance * 1.01, "unusual"),
        (distance / 2, distance, "unsuitable"),
    ):
        spec = gate.spec.model_copy(update={"unusual": unusual, "unsuitable": unsuitable})
        found = Gate(spec, gate.reference).assess(FILM, film)
        assert (found.verdict, found.distance) == (verdict, distance)
        assert found.reason == ("not a chest radiograph" if verdict == "unsuitable" else None)


def test_reasons_are_recognised(gate: Gate) -> None:
    """The classifier's, at its threshold, and a blank image's."""
    inverted = -sample(1, 10, shift=6)[0]
    assert gate.assess(FILM, inverted).reason == "inverted"
    strict = Gate(gate.spec.model_copy(update={"least_probability": [1.1]}), gate.reference)
    assert strict.assess(FILM, inverted).reason == "not a chest radiograph"
    blank = np.full((150, 150), 90, np.uint8)
    assert gate.assess(blank, sample(1, 11)[0]).reason == "blank"


def test_features_that_are_no_numbers_are_unsuitable(gate: Gate) -> None:
    """NaN compares with nothing."""
    assert gate.assess(FILM, np.full(CHANNELS, np.nan, np.float32)).verdict == "unsuitable"


def test_an_unsuitable_film_is_refused_flagged_or_passed(gate: Gate) -> None:
    """By the mode."""
    features = -sample(1, 12, shift=6)
    with pytest.raises(UnsuitableImage, match="black and white are inverted") as caught:
        pass_gate(gate, "refuse", FILM, features)
    assert caught.value.reason == "inverted"
    flagged = pass_gate(gate, "flag", FILM, features)
    assert (flagged.verdict, flagged.reason) == ("unusual", "inverted")
    assert [warning.code for warning in flagged.warnings] == ["unusual-film"]
    off = pass_gate(gate, "off", FILM, None)
    assert (off.verdict, [warning.code for warning in off.warnings]) == ("unknown", ["gate-off"])


def test_a_usual_film_passes_without_a_warning_and_a_model_without_gate_warns(gate: Gate) -> None:
    """Nobody should take the absence of a gate for its consent."""
    usual = pass_gate(gate, "refuse", FILM, sample(1, 13))
    assert (usual.verdict, usual.reason, usual.warnings) == ("usual", None, ())
    without = pass_gate(None, "refuse", FILM, None)
    assert (without.verdict, [warning.code for warning in without.warnings]) == ("unknown", ["no-gate"])


def test_a_saved_gate_measures_the_same(gate: Gate, tmp_path: Path) -> None:
    """`gate.npz` holds every number; a broken or absent one is refused."""
    gate.reference.save(tmp_path / "gate.npz")
    again = read_gate(tmp_path, gate.spec)
    assert again is not None
    films = sample(20, 14)
    assert np.array_equal(again.reference.distance(films), gate.reference.distance(films))
    assert np.array_equal(again.reference.probabilities(films), gate.reference.probabilities(films))
    assert read_gate(tmp_path, None) is None
    whole = (tmp_path / "gate.npz").read_bytes()
    inside = whole.index(b"centres.npy") + 40
    flipped = whole[:inside] + bytes([whole[inside] ^ 255]) + whole[inside + 1 :]
    for broken in (b"PK broken", b"", whole[: len(whole) // 2], flipped):
        (tmp_path / "gate.npz").write_bytes(broken)
        with pytest.raises(ArtifactRefused, match="reference of a gate"):
            read_gate(tmp_path, gate.spec)
    (tmp_path / "gate.npz").unlink()
    with pytest.raises(ArtifactRefused, match="cannot be read"):
        read_gate(tmp_path, gate.spec)


def test_a_gate_needs_a_threshold_for_each_reason(gate: Gate) -> None:
    """Else one reason would be compared with another's."""
    with pytest.raises(ArtifactRefused, match="one threshold"):
        Gate(gate.spec.model_copy(update={"least_probability": []}), gate.reference)


def test_a_gate_without_reasons_goes_by_the_distance(gate: Gate) -> None:
    """As one that was fitted without unsuitable films."""
    reference = fit_reference({"all": sample(400, 16)}, {})
    spec = gate.spec.model_copy(update={"reasons": [], "least_probability": [], "populations": ["all"]})
    assert Gate(spec, reference).assess(FILM, sample(1, 17)[0]).verdict == "usual"
    assert Gate(spec, reference).assess(FILM, sample(1, 18, shift=90)[0]).reason == "not a chest radiograph"


def test_a_reference_whose_parts_do_not_fit_is_refused(gate: Gate) -> None:
    """In one line at the start, not at the first film."""
    for part in ("mean", "centres", "variances", "weights", "rest"):
        parts = {**vars(gate.reference), part: getattr(gate.reference, part)[..., :-1]}
        names = [field.name for field in fields(gate.reference)]
        with pytest.raises(ArtifactRefused, match="gate"):
            Gate(gate.spec, Reference(**{name: parts[name] for name in names}))
    with pytest.raises(ArtifactRefused, match="gate"):
        Gate(gate.spec.model_copy(update={"populations": ["one"]}), gate.reference)
    flat = replace(gate.reference, variances=np.zeros_like(gate.reference.variances))
    with pytest.raises(ArtifactRefused, match="gate"):
        Gate(gate.spec, flat)


def test_too_few_films_are_no_reference() -> None:
    """Few give fewer axes, half as many as there are films at most."""
    with pytest.raises(ArtifactRefused, match="Expected at least 8 films"):
        fit_reference({"all": sample(7, 15)}, {})
    assert fit_reference({"all": sample(8, 15)}, {}).directions.shape == (CHANNELS, 4)
