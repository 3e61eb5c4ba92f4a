from __future__ import annotations

import pytest

from app.api.pace import MAX_RETRY_SECONDS, Pace


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def paced(seconds_a_film: float) -> tuple[Pace, Clock]:
    """Return the pace of a service that has ended films at this interval."""
    clock = Clock()
    pace = Pace(clock)
    pace.begin()
    for _ in range(50):
        clock.now += seconds_a_film
        pace.end()
    return pace, clock


@pytest.mark.parametrize("requests", [1, 50])
def test_films_that_end_together_have_the_pace_of_those_that_end_one_by_one(requests: int) -> None:
    """16 a request, ten films a second."""
    clock = Clock()
    pace = Pace(clock)
    pace.begin()
    for _ in range(requests):
        clock.now += 1.6
        pace.end(16)
    assert pace.promise(in_flight=64) == 7


def test_before_any_film_the_shortest_time_is_promised() -> None:
    assert Pace(Clock()).promise(in_flight=64) == 1


def test_a_caller_comes_again_when_the_films_in_flight_are_done() -> None:
    """64 films, ten a second: rounded up to whole seconds."""
    pace, _ = paced(0.1)
    assert pace.promise(in_flight=64) == 7


def test_callers_are_sent_behind_one_another() -> None:
    """As many a second as the service can serve, the first of them when the films in flight are done."""
    pace, _ = paced(0.25)
    promised = [pace.promise(in_flight=4) for _ in range(16)]
    assert [promised.count(second) for second in (1, 2, 3, 4, 5)] == [1, 4, 4, 4, 3]


def test_what_was_promised_passes() -> None:
    """A caller who comes when those before have had their time waits no longer than the films in flight."""
    pace, clock = paced(0.25)
    for _ in range(16):
        pace.promise(in_flight=4)
    clock.now += 5
    assert pace.promise(in_flight=4) == 1


def test_no_caller_is_sent_away_for_long() -> None:
    pace, clock = paced(0.25)
    assert [pace.promise(in_flight=400) for _ in range(500)] == [MAX_RETRY_SECONDS] * 500
    clock.now += MAX_RETRY_SECONDS
    assert pace.promise(in_flight=4) == 1


def test_time_without_films_is_no_pace() -> None:
    """After a pause the pace is that of before it."""
    pace, clock = paced(0.1)
    clock.now += 3600
    pace.begin()
    clock.now += 0.1
    pace.end()
    assert pace.promise(in_flight=64) == 7
