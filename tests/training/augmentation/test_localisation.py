"""Lungs are shown alone, in another film or not at all, and the label follows the lungs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import training.augmentation.localisation as module
from tests.training.drawn_sources import SIDE, draw_lungs, row
from training.augmentation.localisation import UNKNOWN, Localisation, LungVariation
from training.augmentation.lungs import Box, Pixels, shrink_to_mask
from training.augmentation.source_pool import SourcePool

NOTHING = Localisation(LungVariation(), LungVariation(), p_host=0.0)
IN_LUNGS = np.zeros((SIDE, SIDE), bool)
IN_LUNGS[92:132, 55:80] = IN_LUNGS[92:132, 145:170] = True
"""Pixels within the lungs of every drawn film, wherever its centre is."""

FLAT = {0: 60, 1: 180}
"""Gray level of a flat film of each class."""


def change(kind: str, *, population: str = "child", probability: float = 1.0) -> Localisation:
    """Return a localisation that changes whole films in one way alone."""
    return replace(NOTHING, **{population: LungVariation(**{f"p_{kind}": probability})})


@pytest.fixture(scope="module")
def pool() -> SourcePool:
    """Flat films, so that a pixel shows where it comes from: 0 to 3 children, 4 to 7 adults, 8 to 11 lungs."""
    rows = [
        *(row(label) for label in (0, 0, 1, 1)),
        *(row(label, "s", "adult") for label in (0, 0, 1, 1)),
        *(row(label, "s", "adult", "lungs") for label in (0, 0, 1, 1)),
    ]
    pixels = [np.full((SIDE, SIDE), FLAT[row.label], np.uint8) for row in rows]
    masks = [shrink_to_mask(draw_lungs(row.label, number)) for number, row in enumerate(rows)]
    return SourcePool(pixels, rows, np.stack(masks))


def apply(localisation: Localisation, pool: SourcePool, number: int, times: int = 60) -> list[tuple[Pixels, float]]:
    """Return what one film becomes, and its label, several times."""
    rng = np.random.default_rng(number)
    return [localisation(pool, number, rng)[:2] for _ in range(times)]


def test_without_a_change_a_film_stays_as_it_is(pool: SourcePool) -> None:
    """With its amplitudes."""
    film, label, amplitude = NOTHING(pool, 2, np.random.default_rng(0))
    assert (film is pool.pixels[2], label) == (True, 1.0)
    assert amplitude is pool.amplitude_of(2)


@pytest.mark.parametrize("kind", ["swapped", "blanked", "masked"])
@pytest.mark.parametrize("number", [0, 2])
def test_the_label_follows_the_lungs(pool: SourcePool, kind: str, number: int) -> None:
    """Whatever surrounds them: the pixels in the lungs' middle are the film's own."""
    localisation = replace(change(kind), p_host=1.0)
    for film, label in apply(localisation, pool, number):
        assert label == pool.rows[number].label
        assert np.all(np.abs(film[IN_LUNGS].astype(int) - FLAT[int(label)]) <= 2) or kind == "masked"
        assert np.median(film[IN_LUNGS]) == pytest.approx(FLAT[int(label)], abs=2)


def test_swapped_lungs_lie_in_films_of_either_class(pool: SourcePool) -> None:
    """The corner is the host's; with the film's mean, or with its own."""
    corners = [int(film[3, 3]) for film, _ in apply(change("swapped"), pool, 2, 200)]
    own, other = (np.mean(np.abs(np.array(corners) - FLAT[label]) <= 2) for label in (1, 0))
    # Half of the hosts are of the other class, and half of those get the film's mean.
    assert other == pytest.approx(0.25, abs=0.08)
    assert own == pytest.approx(0.75, abs=0.08)


def test_blanked_films_have_no_other_film_around_their_lungs(pool: SourcePool) -> None:
    """Nothing is sampled from the pool."""
    corners = {int(film[3, 3]) for film, _ in apply(change("blanked"), pool, 2, 100)}
    assert len(corners) > 20


@pytest.mark.parametrize("number", [0, 2, 4, 6])
def test_without_lungs_there_is_nothing_to_know(pool: SourcePool, number: int) -> None:
    """The label is 0.5; the middle is not the film's own, its corner is."""
    population = pool.rows[number].population
    hidden = apply(change("hidden", population=population), pool, number, 200)
    assert {label for _, label in hidden} == {UNKNOWN} == {0.5}
    own = FLAT[pool.rows[number].label]
    assert all(film[0, 0] == own for film, _ in hidden)
    assert np.mean([film[112, 112] == own for film, _ in hidden]) < 0.1
    assert np.mean([film[112, 112] == 0 for film, _ in hidden]) > 0.5


def test_half_of_the_hidden_films_keep_their_amplitudes(pool: SourcePool) -> None:
    """The others are measured anew."""
    rng, localisation = np.random.default_rng(0), change("hidden")
    known = [localisation(pool, 0, rng).amplitude is not None for _ in range(200)]
    assert np.mean(known) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("kind", ["swapped", "blanked", "masked"])
def test_changed_films_are_measured_anew(pool: SourcePool, kind: str) -> None:
    """Their amplitudes are no longer the film's."""
    assert change(kind)(pool, 0, np.random.default_rng(0)).amplitude is None


def test_films_of_lungs_are_always_masked(pool: SourcePool) -> None:
    """With the label of their class; what lies around is a background, or a whole film where asked for."""
    for number in (8, 10):
        plain = apply(NOTHING, pool, number)
        assert {label for _, label in plain} == {float(pool.rows[number].label)}
        assert np.mean([film[3, 3] == 0 for film, _ in plain]) > 0.05
        hosted = [int(film[3, 3]) for film, _ in apply(replace(NOTHING, p_host=1.0), pool, number)]
        assert all(min(abs(corner - gray) for gray in FLAT.values()) <= 2 for corner in hosted)
        assert any(abs(corner - FLAT[1 - pool.rows[number].label]) <= 2 for corner in hosted)


def pool_with(pool: SourcePool, masks: Pixels, box: Box | None = None) -> SourcePool:
    """Return a pool of the same films with other masks; `box`: of every film."""
    other = SourcePool(pool.pixels, pool.rows, masks)
    if box is not None:
        other.boxes = [box] * len(masks)
    return other


@pytest.fixture
def pasted(monkeypatch: pytest.MonkeyPatch) -> list[Pixels]:
    """The masks by which films are pasted from now on."""
    masks: list[Pixels] = []

    def keep(film: Pixels, _background: Pixels, mask: Pixels, _rng: np.random.Generator) -> Pixels:
        masks.append(mask)
        return film

    monkeypatch.setattr(module, "paste", keep)
    return masks


@pytest.mark.parametrize(("number", "form"), [(8, "lungs"), (10, "lungs"), (4, "whole"), (6, "whole")])
def test_visible_lungs_are_cut_to_a_mask_of_the_other_class_too(
    pool: SourcePool, pasted: list[Pixels], number: int, form: str
) -> None:
    """Its upper half alone here; whole masks would reach row 57 at least, wherever their box is brought."""
    masks = pool.masks.copy()
    for other, row_ in enumerate(pool.rows):
        if row_.label != pool.rows[number].label and row_.form == form:
            masks[other, 40:] = 0
    halved = pool_with(pool, masks, np.array([0.1, 0.1, 0.9, 0.9]))
    apply(change("masked", population="adult"), halved, number, 10)
    assert len(pasted) == 10
    for mask in pasted:
        rows = np.flatnonzero((mask > 127).any(axis=1))
        assert rows.max() <= 51
        assert rows.min() < 30


def test_half_of_the_masks_of_whole_films_are_dilated(pool: SourcePool, pasted: list[Pixels]) -> None:
    """Found masks leave opacities out at their edge; films of lungs show no more than their own."""
    same = pool_with(pool, np.repeat(pool.masks[:1], len(pool.masks), 0), np.array([0.2, 0.2, 0.8, 0.8]))
    localisation = replace(change("masked", population="adult"), p_host=1.0)
    apply(localisation, same, 4, 100)
    areas = np.array([(mask > 127).sum() for mask in pasted])
    assert len(set(areas)) == 2
    assert np.mean(areas == areas.max()) == pytest.approx(0.5, abs=0.15)
    pasted.clear()
    apply(localisation, same, 8, 20)
    assert {int((mask > 127).sum()) for mask in pasted} == {int(areas.min())}


def test_swapped_lungs_lie_where_the_hosts_lungs_lay(pool: SourcePool, pasted: list[Pixels]) -> None:
    """Film and mask are moved together; a hull grows by up to 14 pixels, before it is stretched."""
    masks = np.zeros_like(pool.masks)
    masks[:, 20:60, 20:60] = 255
    masks[[1, 3], 20:60, 20:60] = 0
    masks[[1, 3], 4:28, 4:28] = 255
    moved = [film for film, _ in apply(change("swapped"), pool_with(pool, masks), 2, 80)]
    lower = np.array([np.flatnonzero((mask > 127).any(axis=1)).max() for mask in pasted])
    assert len(moved) == 80
    assert set(lower < 40) == {True, False}
    assert lower[lower < 40].max() <= 27 + 6
    assert lower[lower >= 40].min() >= 58


def test_changes_are_as_frequent_as_configured(pool: SourcePool) -> None:
    """Of each population by its own probabilities, and none at the other's expense."""
    localisation = replace(NOTHING, child=LungVariation(0.1, 0.2, 0.15, 0.25))
    rng = np.random.default_rng(0)
    results = [localisation(pool, 0, rng) for _ in range(1500)]
    unchanged = [result.film is pool.pixels[0] for result in results]
    hidden = [result.label == UNKNOWN for result in results]
    assert np.mean(unchanged) == pytest.approx(0.3, abs=0.04)
    assert np.mean(hidden) == pytest.approx(0.25, abs=0.04)
    assert all(localisation(pool, 4, rng).film is pool.pixels[4] for _ in range(50))


def test_a_film_without_a_box_can_only_be_hidden(pool: SourcePool) -> None:
    """By a rectangle in its middle."""
    rows, masks = pool.rows, pool.masks.copy()
    masks[0] = 0
    blind = SourcePool(pool.pixels, rows, masks)
    for kind in ("masked", "swapped", "blanked"):
        assert change(kind)(blind, 0, np.random.default_rng(0)).film is pool.pixels[0]
    for film, label in apply(change("hidden"), blind, 0):
        changed = film != pool.pixels[0]
        assert label == UNKNOWN
        assert changed.any(axis=1).sum() >= 0.49 * SIDE or not changed.any()


def test_the_record_names_each_probability() -> None:
    """Flat, by population."""
    described = Localisation().describe()
    assert described["child_p_swapped"] == 0.25
    assert described["adult_p_masked"] == 0.35
    assert len(described) == 9


def test_the_seed_alone_decides(pool: SourcePool) -> None:
    """Film and label."""
    one, again = (Localisation()(pool, 9, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.film, again.film)
