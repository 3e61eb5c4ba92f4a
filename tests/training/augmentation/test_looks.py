"""A borrowed look changes how a film looks, and leaves where things are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import film_pixels
from tests.drawn import draw_film
from training.audit.shortcuts import describe_pixels
from training.augmentation.acquisition import blur
from training.augmentation.style import LookBorrowing, Looks, borrow_look, measure_look

SHARP = film_pixels(1, 224, 224)
SOFT = (blur(film_pixels(2, 224, 224), 1.5) // 2 + 60).astype(np.uint8)


def test_a_whole_look_brings_the_statistics_with_it():
    """The seven numbers that see no lung come nearly all the way to the other film's."""
    own, other = describe_pixels(SHARP), describe_pixels(SOFT)
    after = describe_pixels(borrow_look(SHARP, measure_look(SOFT)))
    wide = np.abs(other - own) > 5
    assert wide.sum() >= 3
    assert np.all(np.abs(after - other)[wide] < 0.3 * np.abs(other - own)[wide])


def test_nothing_moves():
    """What was bright is bright at its place; the film stays uint8 of its shape."""
    changed = borrow_look(SHARP, measure_look(SOFT))
    assert (changed.shape, changed.dtype) == (SHARP.shape, np.uint8)
    assert np.corrcoef(blur(changed, 3).ravel(), blur(SHARP, 3).ravel())[0, 1] > 0.9


def test_no_share_changes_nothing():
    """Nor does a film's own look, but for rounding."""
    for changed in (borrow_look(SHARP, measure_look(SOFT), detail=0, tones=0), borrow_look(SHARP, measure_look(SHARP))):
        assert np.abs(changed.astype(int) - SHARP).max() <= 1


def test_detail_and_tones_are_borrowed_apart():
    """Tones alone keep the order of all levels; detail alone brings the rings of the spectrum to the other's."""
    look = measure_look(SOFT)
    toned = borrow_look(SHARP, look, detail=0)
    order = np.argsort(SHARP.ravel(), kind="stable")
    assert np.all(np.diff(toned.ravel()[order].astype(int)) >= 0)
    before = np.abs(measure_look(SHARP).detail - look.detail)
    after = np.abs(measure_look(borrow_look(SHARP, look, tones=0)).detail - look.detail)
    assert before.mean() > 0.3
    assert after.mean() < 0.3 * before.mean()


@pytest.mark.parametrize("film", [np.zeros((224, 224), np.uint8), np.full((96, 130), 255, np.uint8)])
def test_a_flat_film_has_a_look_too(film):
    """It is lent and borrows without a warning or a number that is none."""
    for changed in (borrow_look(film, measure_look(SOFT)), borrow_look(SHARP, measure_look(film))):
        assert changed.dtype == np.uint8


def test_looks_are_drawn_from_both_classes_alike():
    """However rare one of them is."""
    films = np.stack([draw_film("NORMAL", number)[:96, :96] for number in range(12)])
    films[0] = 7
    looks = Looks(films, np.array([0] + [1] * 11, np.uint8))
    rare, rng = looks._looks[0], np.random.default_rng(0)
    assert 0.4 < np.mean([looks.draw(rng) is rare for _ in range(300)]) < 0.6


def test_lending_is_the_same_each_time():
    """By the seed; another seed lends others."""
    films = np.stack([SHARP, SOFT, film_pixels(3, 224, 224), film_pixels(4, 224, 224)])
    looks = Looks(films, np.array([0, 0, 1, 1], np.uint8))
    np.testing.assert_array_equal(looks.lend(films, 1), looks.lend(films, 1))
    assert not np.array_equal(looks.lend(films, 1), looks.lend(films, 2))


def test_how_often_a_look_is_borrowed():
    """As often as the recipe says, and wholly as often."""
    rng = np.random.default_rng(0)
    drawn = [LookBorrowing(0.5, 0.5).draw(rng) for _ in range(1000)]
    shares = [share for share in drawn if share is not None]
    assert 0.45 < len(shares) / 1000 < 0.55
    assert 0.4 < np.mean([detail == 1 for detail, _ in shares]) < 0.6
    assert all(0 <= amount <= 1 for share in shares for amount in share)


def test_a_look_can_be_asked_of_one_class():
    """Each film gets one of the class that is named for it."""
    films = np.stack([SHARP, SOFT])
    lent = Looks(films, np.array([0, 1], np.uint8)).lend(films, 0, classes=np.array([1, 0], np.uint8))
    np.testing.assert_array_equal(lent[0], borrow_look(SHARP, measure_look(SOFT)))
    np.testing.assert_array_equal(lent[1], borrow_look(SOFT, measure_look(SHARP)))


def test_a_film_whose_look_is_known_borrows_alike():
    """What was measured once need not be measured again."""
    films = np.stack([SHARP, SOFT])
    looks = Looks(films, np.array([0, 1], np.uint8))
    for number, film in enumerate(films):
        one = looks.lend_one(film, number, np.random.default_rng(9), detail=0.5, tones=0.8)
        look = looks.draw(np.random.default_rng(9))
        np.testing.assert_array_equal(one, borrow_look(film, look, detail=0.5, tones=0.8))
    assert not np.array_equal(
        looks.lend_one(SHARP, 1, np.random.default_rng(9)), looks.lend_one(SHARP, 0, np.random.default_rng(9))
    )
