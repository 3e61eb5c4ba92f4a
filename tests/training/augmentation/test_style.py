"""Style transfer changes amplitude spectrum and gray-level histogram, and leaves anatomy in its place."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import film_pixels
from tests.drawn import draw_film
from training.audit.shortcuts import describe_pixels
from training.augmentation.filters import Pixels, blur
from training.augmentation.style import StyleBank, StyleTransfer, measure_style, transfer_style

SHARP = film_pixels(1, 224, 224)
SOFT = (blur(film_pixels(2, 224, 224), 1.5) // 2 + 60).astype(np.uint8)
BANK = StyleBank(np.stack([SHARP, SOFT]), np.array([0, 1], np.uint8))


def test_a_whole_transfer_brings_the_shortcut_features_with_it() -> None:
    """The features that see no lung come nearly all the way to the other film's."""
    own, other = describe_pixels(SHARP), describe_pixels(SOFT)
    after = describe_pixels(transfer_style(SHARP, measure_style(SOFT)))
    differing = np.abs(other - own) > 5
    assert differing.sum() >= 3
    assert np.all(np.abs(after - other)[differing] < 0.3 * np.abs(other - own)[differing])


def test_anatomy_stays_in_place() -> None:
    """The blurred films correlate; shape and dtype stay."""
    changed = transfer_style(SHARP, measure_style(SOFT))
    assert (changed.shape, changed.dtype) == (SHARP.shape, np.uint8)
    assert np.corrcoef(blur(changed, 3).ravel(), blur(SHARP, 3).ravel())[0, 1] > 0.9


def test_a_transfer_of_strength_zero_changes_nothing() -> None:
    """Nor does a film's own style, but for rounding."""
    without = transfer_style(SHARP, measure_style(SOFT), amplitude=0, histogram=0)
    for changed in (without, transfer_style(SHARP, measure_style(SHARP))):
        assert np.abs(changed.astype(int) - SHARP).max() <= 1


def test_histogram_matching_alone_keeps_the_order_of_levels() -> None:
    """A pixel that was brighter than another is never darker afterwards; the levels are the other film's."""
    matched = transfer_style(SHARP, measure_style(SOFT), amplitude=0)
    order = np.argsort(SHARP.ravel(), kind="stable")
    assert np.all(np.diff(matched.ravel()[order].astype(int)) >= 0)
    np.testing.assert_allclose(np.quantile(matched, [0.1, 0.5, 0.9]), np.quantile(SOFT, [0.1, 0.5, 0.9]), atol=2)


def test_amplitude_transfer_alone_brings_the_spectrum_to_the_other_films() -> None:
    """The mean distance of the rings shrinks to under a third."""
    style = measure_style(SOFT)
    before = np.abs(measure_style(SHARP).amplitude - style.amplitude)
    after = np.abs(measure_style(transfer_style(SHARP, style, histogram=0)).amplitude - style.amplitude)
    assert before.mean() > 0.3
    assert after.mean() < 0.3 * before.mean()


@pytest.mark.parametrize("flat", [np.zeros((224, 224), np.uint8), np.full((96, 130), 255, np.uint8)])
def test_a_flat_film_gives_and_takes_style_without_a_number_that_is_none(flat: Pixels) -> None:
    """It stays flat, at the other's median; the other becomes nearly flat at its level. A warning would be an error."""
    taken = transfer_style(flat, measure_style(SOFT))
    assert np.ptp(taken) == 0
    assert abs(int(taken[0, 0]) - np.median(SOFT)) <= 2
    given = transfer_style(SHARP, measure_style(flat))
    assert abs(np.median(given).item() - int(flat[0, 0])) <= 1


def test_styles_are_sampled_from_both_classes_with_the_same_probability() -> None:
    """However rare one of them is."""
    films = np.stack([draw_film("NORMAL", number)[:96, :96] for number in range(12)])
    films[0] = 7
    bank, rng = StyleBank(films, np.array([0] + [1] * 11, np.uint8)), np.random.default_rng(0)
    rare = measure_style(films[0]).cumulative
    assert 0.4 < np.mean([np.array_equal(bank.sample(rng).cumulative, rare) for _ in range(300)]) < 0.6


def test_a_transfer_depends_on_its_seed_alone() -> None:
    """The same seed gives the same films, another one others."""
    films = np.stack([SHARP, SOFT, film_pixels(3, 224, 224), film_pixels(4, 224, 224)])
    bank = StyleBank(films, np.array([0, 0, 1, 1], np.uint8))
    np.testing.assert_array_equal(bank.transfer(films, 1), bank.transfer(films, 1))
    assert not np.array_equal(bank.transfer(films, 1), bank.transfer(films, 2))


def test_transfers_are_as_frequent_and_as_strong_as_configured() -> None:
    """Of 1,000, a third happen; of those two thirds are whole; the rest are of a strength between 0 and 1."""
    rng = np.random.default_rng(0)
    sampled = [StyleTransfer(1 / 3, 2 / 3).sample(rng) for _ in range(1000)]
    strengths = np.array([strength for strength in sampled if strength is not None])
    assert len(strengths) / 1000 == pytest.approx(1 / 3, abs=0.05)
    np.testing.assert_allclose(np.mean(strengths == 1, axis=0), 2 / 3, atol=0.08)
    partial = strengths[strengths < 1]
    assert partial.min() < 0.1 < 0.9 < partial.max()


def test_the_style_of_one_class_can_be_asked_for() -> None:
    """Each film gets one of the class that is named for it."""
    changed = BANK.transfer(np.stack([SHARP, SOFT]), 0, classes=np.array([1, 0], np.uint8))
    np.testing.assert_array_equal(changed[0], transfer_style(SHARP, measure_style(SOFT)))
    np.testing.assert_array_equal(changed[1], transfer_style(SOFT, measure_style(SHARP)))


def test_a_film_of_the_bank_is_changed_as_if_its_style_were_measured_again() -> None:
    """By its own number: under another's, it becomes another film."""
    for number, film in enumerate((SHARP, SOFT)):
        known = BANK.transfer_to_own(film, number, np.random.default_rng(9), amplitude=0.5, histogram=0.8)
        style = BANK.sample(np.random.default_rng(9))
        np.testing.assert_array_equal(known, transfer_style(film, style, amplitude=0.5, histogram=0.8))
    own, other = (BANK.transfer_to_own(SHARP, number, np.random.default_rng(9)) for number in (0, 1))
    assert not np.array_equal(own, other)
