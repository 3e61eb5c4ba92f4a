"""Figures are compared round by round, and the table can be read as it is."""

import pytest

from benchmarks.rows import LIMIT, Figures, Rounds, Row, median_ratio, write_markdown, write_table

BASE = Row("tiny/1", LIMIT)
OURS = Row("tiny/1", "ours", "raw", 32)


def figures(per_second, **others):
    told = {"median_ms": 1.0, "p99_ms": 2.0, "cpu_ms": 3.0, "peak_megabytes": 4.0, "ready_seconds": 5.0} | others
    return Figures(per_second, **told)


def measured(base, ours):
    rounds = Rounds()
    for one, other in zip(base, ours, strict=True):
        rounds.add(BASE, figures(one))
        rounds.add(OURS, figures(other, client_cpu_ms=0.5))
    return rounds


def test_a_ratio_is_the_median_of_each_rounds_own():
    """Not the ratio of the medians: a round in which the machine was slow is slow for both."""
    assert measured([100, 10, 200], [90, 10, 100]).ratio(OURS, BASE) == 0.9


@pytest.mark.parametrize("others", [[], [1.0], [1.0, 0.0]], ids=["none", "a round missing", "nothing measured"])
def test_without_a_pair_for_every_round_there_is_no_ratio(others):
    """None, rather than a figure of other rounds."""
    assert median_ratio([1.0, 2.0], others) is None


def test_the_table_shows_medians_with_their_ratio_to_the_limit_of_the_same_model():
    """Rows of other models stay out; what a row cannot tell is empty."""
    rounds = measured([100, 200, 300], [50, 80, 90])
    rounds.add(Row("other/1", LIMIT), figures(1))
    lines = write_table(rounds, "tiny/1").splitlines()
    assert len(lines) == 4
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert cells[2] == ["limit", "200.0", "1.0", "2.0", "3.00", "4", "5.00", ""]
    assert cells[3][:3] == ["ours, raw, 32 clients", "80.0 (0.40)", "1.0 (1.00)"]
    assert cells[3][-1] == "0.50"


def test_a_table_is_aligned():
    """Every line is as long as the others."""
    told = write_markdown(("", "wanted"), [("a long name", "1"), ("b", "at most 2.5")])
    assert len({len(line) for line in told.splitlines()}) == 1


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (BASE, "limit"),
        (Row("tiny/1", "ours", "raw", 1), "ours, raw, 1 client"),
        (Row("tiny/1", "ours", "raw", 8, "cam"), "ours, raw, 8 clients, maps: cam"),
    ],
)
def test_a_row_tells_its_server_and_how_it_is_asked(row, name):
    """In the words of the table."""
    assert str(row) == name
