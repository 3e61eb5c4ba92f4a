"""Training films of several sources, sampled so that neither source, view nor style tells the class.

A network that may guess the source guesses the class, wherever the classes' films come from different ones. So films
are sampled by population, then class, then form, source and view, each evenly; and styles are transferred across all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.errors import PneumoServeError
from app.names import LABELS
from training.augmentation.lungs import Box, find_box
from training.augmentation.style import Style, measure_style
from training.data.source_table import Form, Population, SourceRow

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class SourceSampling:
    """How often films and styles are sampled from which source.

    Attributes:
        p_child: probability of a child, where there are films of adults too.
        p_lungs: probability of a film of form `lungs`, in populations that have some.
        p_style_of_any: probability that a style is of any population, else of the film's own.
    """

    p_child: float = 0.5
    p_lungs: float = 0.5
    p_style_of_any: float = 0.5

    def describe(self) -> dict[str, float]:
        """Return the probabilities, for the run's settings and the model card."""
        return asdict(self)


class SourcePool:
    """Labelled training films with their masks, boxes and styles.

    Attributes:
        pixels: of each film, uint8 (side, side).
        rows: of each film.
        masks: of each film, uint8 (films, MASK_SIDE, MASK_SIDE); see `augmentation.lungs`.
        boxes: of each film's lungs, None where none were found.
        populations: that have films.
    """

    def __init__(self, pixels: Sequence[Pixels], rows: Sequence[SourceRow], masks: Pixels) -> None:
        """Sort films into strata, find their boxes and measure the styles of whole films.

        Raises:
            PneumoServeError: a population has no whole film of a class, or films of form `lungs` of one class alone.
        """
        self.pixels, self.rows, self.masks = pixels, rows, masks
        self.boxes: list[Box | None] = [find_box(mask) for mask in masks]
        self.populations: tuple[Population, ...] = tuple(sorted({row.population for row in rows}))
        self._strata = _stratify(rows)
        for population in self.populations:
            for form in ("whole", "lungs") if self.has_lungs(population) else ("whole",):
                for label, name in enumerate(LABELS):
                    if (population, form, label) not in self._strata:
                        raise PneumoServeError(
                            f"Expected training films of both classes, population {population}, form {form}. "
                            f"Received none of {name}."
                        )
        self._styles = {
            number: measure_style(film)
            for number, (film, row) in enumerate(zip(pixels, rows, strict=True))
            if row.form == "whole"
        }
        self._of_style = _group(
            ((row.population, row.source, row.label), number) for number, row in enumerate(rows) if row.form == "whole"
        )

    def has_lungs(self, population: Population) -> bool:
        """Return whether a population has films of form `lungs`."""
        return any(key[:2] == (population, "lungs") for key in self._strata)

    def sample_population(self, rng: np.random.Generator, sampling: SourceSampling) -> Population:
        """Sample a population."""
        if len(self.populations) == 1:
            return self.populations[0]
        return "child" if rng.random() < sampling.p_child else "adult"

    def sample(self, rng: np.random.Generator, population: Population, label: int, sampling: SourceSampling) -> int:
        """Sample the number of a film, of either form."""
        is_lungs = self.has_lungs(population) and rng.random() < sampling.p_lungs
        return self.sample_form(rng, population, label, "lungs" if is_lungs else "whole")

    def sample_form(self, rng: np.random.Generator, population: Population, label: int, form: Form) -> int:
        """Sample the number of a film: every source as often, every view of it, and every film of that."""
        return choose(rng, choose(rng, choose(rng, self._strata[population, form, label])))

    def sample_style(self, rng: np.random.Generator, population: Population, sampling: SourceSampling) -> Style:
        """Sample the style of a whole film: every source and class as often, whatever the class it is for."""
        groups = list(self._of_style.items())
        if rng.random() >= sampling.p_style_of_any:
            groups = [group for group in groups if group[0][0] == population]
        return self._styles[choose(rng, choose(rng, groups)[1])]

    def amplitude_of(self, number: int) -> NDArray[np.float32] | None:
        """Return the log amplitude of each ring of a film's spectrum, where it was measured."""
        return self._styles[number].amplitude if number in self._styles else None


def choose(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Sample one item; each is as probable."""
    return items[int(rng.integers(len(items)))]


def _stratify(rows: Sequence[SourceRow]) -> dict[tuple[Population, Form, int], list[list[list[int]]]]:
    """Return the numbers of the films by population, form and class: a list of sources, of views, of films.

    Where a source has both classes, only views that both have are kept, apart; else all views count as one.
    """
    strata = defaultdict(list)
    by_source = _group(((row.population, row.form, row.source), number) for number, row in enumerate(rows))
    for (population, form, _), numbers in by_source.items():
        views = _group(((rows[number].label, rows[number].view), number) for number in numbers)
        shared = [view for label, view in views if label == 0 and (1, view) in views]
        for label in sorted({label for label, _ in views}):
            of_class = [number for number in numbers if rows[number].label == label]
            strata[population, form, label].append([views[label, view] for view in shared] or [of_class])
    return dict(strata)


def _group(pairs: Iterable[tuple[K, int]]) -> dict[K, list[int]]:
    groups: defaultdict[K, list[int]] = defaultdict(list)
    for key, number in pairs:
        groups[key].append(number)
    return dict(groups)
