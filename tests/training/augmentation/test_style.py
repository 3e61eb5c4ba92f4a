"""A borrowed look changes how a film looks, and leaves where things are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import film_pixels
from tests.drawn import draw_film
from training.audit.shortcuts import describe_pixels
from training.augmentation.acquisition import blur
from training.augmentation.style import StyleBank, StyleTransfer, measure_style, transfer_style

SHARP = film_pixels(1, 224, 224)
SOFT = (blur(film_pixels(2, 224, 224), 1.5) // 2 + 60).astype(np.uint8)


def test_a_whole_look_brings_the_statistics_with_it():
    """The seven numbers that see no lung come nearly all the way to the other film's."""
    own, other = describe_pixels(SHARP), describe_pixels(SOFT)
    after = describe_pixels(transfer_style(SHARP, measure_style(SOFT)))
    wide = np.abs(other - own) > 5
    assert wide.sum() >= 3
    assert np.all(np.abs(after - other)[wide] < 0.3 * np.abs(other - own)[wide])


def test_nothing_moves():
    """What was bright is bright at its place; the film stays uint8 of its shape."""
    changed = transfer_style(SHARP, measure_style(SOFT))
    assert (changed.shape, changed.dtype) == (SHARP.shape, np.uint8)
    assert np.corrcoef(blur(changed, 3).ravel(), blur(SHARP, 3).ravel())[0, 1] > 0.9


def test_no_share_changes_nothing():
    """Nor does a film's own look, but for rounding."""
    for changed in (
        transfer_style(SHARP, measure_style(SOFT), amplitude=0, histogram=0),
        transfer_style(SHARP, measure_style(SHARP)),
    ):
        assert np.abs(changed.astype(int) - SHARP).max() <= 1


def test_detail_and_tones_are_borrowed_apart():
    """Tones alone keep the order of all levels; detail alone brings the rings of the spectrum to the other's."""
    look = measure_style(SOFT)
    toned = transfer_style(SHARP, look, amplitude=0)
    order = np.argsort(SHARP.ravel(), kind="stable")
    assert np.all(np.diff(toned.ravel()[order].astype(int)) >= 0)
    before = np.abs(measure_style(SHARP).amplitude - look.amplitude)
    after = np.abs(measure_style(transfer_style(SHARP, look, histogram=0)).amplitude - look.amplitude)
    assert before.mean() > 0.3
    assert after.mean() < 0.3 * before.mean()


@pytest.mark.parametrize("film", [np.zeros((224, 224), np.uint8), np.full((96, 130), 255, np.uint8)])
def test_a_flat_film_has_a_look_too(film):
    """It is lent and borrows without a warning or a number that is none."""
    for changed in (transfer_style(film, measure_style(SOFT)), transfer_style(SHARP, measure_style(film))):
        assert changed.dtype == np.uint8


def test_looks_are_drawn_from_both_classes_alike():
    """However rare one of them is."""
    films = np.stack([draw_film("NORMAL", number)[:96, :96] for number in range(12)])
    films[0] = 7
    bank = StyleBank(films, np.array([0] + [1] * 11, np.uint8))
    rare, rng = bank._styles[0], np.random.default_rng(0)
    assert 0.4 < np.mean([bank.sample(rng) is rare for _ in range(300)]) < 0.6


def test_lending_is_the_same_each_time():
    """By the seed; another seed lends others."""
    films = np.stack([SHARP, SOFT, film_pixels(3, 224, 224), film_pixels(4, 224, 224)])
    bank = StyleBank(films, np.array([0, 0, 1, 1], np.uint8))
    np.testing.assert_array_equal(bank.transfer(films, 1), bank.transfer(films, 1))
    assert not np.array_equal(bank.transfer(films, 1), bank.transfer(films, 2))


def test_how_often_a_look_is_borrowed():
    """As often as the recipe says, and wholly as often."""
    rng = np.random.default_rng(0)
    drawn = [StyleTransfer(0.5, 0.5).sample(rng) for _ in range(1000)]
    shares = [share for share in drawn if share is not None]
    assert 0.45 < len(shares) / 1000 < 0.55
    assert 0.4 < np.mean([detail == 1 for detail, _ in shares]) < 0.6
    assert all(0 <= amount <= 1 for share in shares for amount in share)


def test_a_look_can_be_asked_of_one_class():
    """Each film gets one of the class that is named for it."""
    films = np.stack([SHARP, SOFT])
    lent = StyleBank(films, np.array([0, 1], np.uint8)).transfer(films, 0, classes=np.array([1, 0], np.uint8))
    np.testing.assert_array_equal(lent[0], transfer_style(SHARP, measure_style(SOFT)))
    np.testing.assert_array_equal(lent[1], transfer_style(SOFT, measure_style(SHARP)))


def test_a_film_whose_look_is_known_borrows_alike():
    """What was measured once need not be measured again."""
    films = np.stack([SHARP, SOFT])
    bank = StyleBank(films, np.array([0, 1], np.uint8))
    for number, film in enumerate(films):
        one = bank.transfer_to_own(film, number, np.random.default_rng(9), amplitude=0.5, histogram=0.8)
        look = bank.sample(np.random.default_rng(9))
        np.testing.assert_array_equal(one, transfer_style(film, look, amplitude=0.5, histogram=0.8))
    assert not np.array_equal(
        bank.transfer_to_own(SHARP, 1, np.random.default_rng(9)),
        bank.transfer_to_own(SHARP, 0, np.random.default_rng(9)),
    )
