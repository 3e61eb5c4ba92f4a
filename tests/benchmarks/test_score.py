"""What `score` prints is read, or refused."""

import pytest

from benchmarks.score import parse_score

TOLD = (
    "300 films scored, 0 failed.\n"
    "300 sent in 2.5 s: 120 films/s, 1.10 ms of this command's own CPU time a film.\n"
    "Result: result.csv\n"
)


def test_the_start_is_what_the_films_did_not_cost():
    """It is the same for ten films and for ten thousand."""
    scored = parse_score(TOLD, 300, 0.83)
    assert scored == pytest.approx((120, 1.10, 0.5))


@pytest.mark.parametrize("count", [299, 301])
def test_another_number_of_films_is_refused(count):
    """As after a start that was cut off, which leaves fewer to send."""
    with pytest.raises(RuntimeError, match=f"Expected {count} films sent"):
        parse_score(TOLD, count, 0.83)
