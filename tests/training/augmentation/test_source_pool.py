"""Films are sampled so that neither population, source, view nor style tells the class."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from app.errors import PneumoServeError
from tests.training.drawn_sources import make_pool, row
from training.augmentation.source_pool import SourcePool, SourceSampling
from training.augmentation.style import measure_style
from training.data.source_table import SourceRow

N = 2000
CHILDREN = [row(0), row(0), row(0), row(1)]
ADULTS = [
    row(0, "here", "adult"),
    row(0, "elsewhere", "adult", view="AP"),
    *(row(0, "elsewhere", "adult", view="PA") for _ in range(4)),
    row(1, "there", "adult"),
]
LUNGS = [
    *(row(0, "lungs", "adult", "lungs", view) for view in ("AP", "PA", "PA", "PA", "")),
    *(row(1, "lungs", "adult", "lungs", view) for view in ("AP", "AP", "AP", "PA")),
]
ROWS = [*CHILDREN, *ADULTS, *LUNGS]


@pytest.fixture(scope="module")
def pool() -> SourcePool:
    """Children, adults of three sources, and lungs of one."""
    return make_pool(ROWS)


def sample_rows(pool: SourcePool, label: int, sampling: SourceSampling) -> list[SourceRow]:
    """Return the rows of many sampled films of adults."""
    rng = np.random.default_rng(0)
    return [pool.rows[pool.sample(rng, "adult", label, sampling)] for _ in range(N)]


def test_populations_are_sampled_as_configured(pool: SourcePool) -> None:
    """Children in the configured proportion; where there is one population, always that one."""
    rng, sampling = np.random.default_rng(0), SourceSampling(p_child=0.3)
    sampled = Counter(pool.sample_population(rng, sampling) for _ in range(N))
    assert sampled["child"] / N == pytest.approx(0.3, abs=0.03)
    children = make_pool(CHILDREN)
    assert {children.sample_population(rng, SourceSampling(p_child=0.0)) for _ in range(20)} == {"child"}


@pytest.mark.parametrize("label", [0, 1])
def test_lungs_are_sampled_as_configured(pool: SourcePool, label: int) -> None:
    """In either class alike; and only the class that is asked for."""
    rows = sample_rows(pool, label, SourceSampling(p_lungs=0.7))
    assert {row.label for row in rows} == {label}
    assert {row.population for row in rows} == {"adult"}
    assert np.mean([row.form == "lungs" for row in rows]) == pytest.approx(0.7, abs=0.03)


def test_every_source_of_a_class_is_sampled_as_often(pool: SourcePool) -> None:
    """However many films it has; within one source, each film as often."""
    rows = sample_rows(pool, 0, SourceSampling(p_lungs=0.0))
    assert np.mean([row.source == "here" for row in rows]) == pytest.approx(0.5, abs=0.03)
    views = Counter(row.view for row in rows if row.source == "elsewhere")
    assert views["AP"] / views.total() == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("label", [0, 1])
def test_a_source_of_both_classes_shows_each_view_as_often(pool: SourcePool, label: int) -> None:
    """Else the view would tell the class; a view that one class lacks is left out."""
    views = Counter(row.view for row in sample_rows(pool, label, SourceSampling(p_lungs=1.0)))
    assert set(views) == {"AP", "PA"}
    assert views["AP"] / N == pytest.approx(0.5, abs=0.04)


def test_a_population_without_lungs_has_whole_films_alone(pool: SourcePool) -> None:
    """Whatever the proportion asked for."""
    rng = np.random.default_rng(0)
    sampled = {pool.sample(rng, "child", 0, SourceSampling(p_lungs=1.0)) for _ in range(100)}
    assert sampled == {0, 1, 2}
    assert (pool.has_lungs("child"), pool.has_lungs("adult")) == (False, True)


@pytest.mark.parametrize(("p_any", "expected"), [(0.0, 0.0), (1.0, 3 / 5), (0.5, 3 / 10)])
def test_styles_come_from_every_source_and_class(pool: SourcePool, p_any: float, expected: float) -> None:
    """Of two groups of children and three of adults: of any population as configured, else of the film's own."""
    rng, adults = np.random.default_rng(1), [measure_style(film) for film in pool.pixels[4:11]]
    sampled = [pool.sample_style(rng, "child", SourceSampling(p_style_of_any=p_any)) for _ in range(400)]
    of_adults = [any(np.array_equal(style.amplitude, own.amplitude) for own in adults) for style in sampled]
    assert np.mean(of_adults) == pytest.approx(expected, abs=0.07)


def test_a_style_does_not_depend_on_how_many_films_a_class_has(pool: SourcePool) -> None:
    """Children: three films of one class and one of the other; that one gives half of the styles."""
    rng, rare = np.random.default_rng(2), measure_style(pool.pixels[3])
    sampled = [pool.sample_style(rng, "child", SourceSampling(p_style_of_any=0.0)) for _ in range(400)]
    assert np.mean([np.array_equal(style.amplitude, rare.amplitude) for style in sampled]) == pytest.approx(
        0.5, abs=0.07
    )


def test_styles_are_of_whole_films_alone(pool: SourcePool) -> None:
    """A film of lungs is mostly black, which is no style."""
    own = pool.amplitude_of(0)
    assert own is not None
    np.testing.assert_array_equal(own, measure_style(pool.pixels[0]).amplitude)
    assert pool.amplitude_of(len(ROWS) - 1) is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(0), row(0)], "population child, form whole. Received none of PNEUMONIA"),
        ([*CHILDREN, row(1, "there", "adult")], "population adult, form whole. Received none of NORMAL"),
        ([*CHILDREN, *ADULTS, row(0, "lungs", "adult", "lungs")], "form lungs. Received none of PNEUMONIA"),
    ],
)
def test_a_population_needs_both_classes(rows: list[SourceRow], message: str) -> None:
    """Else it would tell the class."""
    with pytest.raises(PneumoServeError, match=message):
        make_pool(rows)
