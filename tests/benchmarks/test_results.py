"""Figures become one table of medians and a list of checks."""

import pytest

from benchmarks.results import Check, Results, write_markdown, write_table


def test_the_table_shows_medians_and_only_the_columns_that_were_measured():
    results = Results()
    for per_second in (100, 300, 210):
        results.add("bare loop", per_second=per_second)
    results.add("PneumoServe", per_second=80, cpu_ms=3)
    results.add("imports", seconds=1)  # no column
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in write_table(results).splitlines()]
    assert [lines[0], *lines[2:]] == [
        ["", "films/s", "CPU ms per film"],
        ["bare loop", "210.0", ""],
        ["PneumoServe", "80.0", "3.00"],
    ]


def test_a_ratio_is_that_of_each_turn():
    """Not the ratio of the medians: a turn in which the machine is slow is slow for both."""
    results = Results()
    for then, today in ((100, 90), (10, 10), (200, 100)):
        results.add("then", per_second=then)
        results.add("today", per_second=today)
    results.add_ratio("today ÷ then", "today", "then")
    assert results.each("today ÷ then", "per_second") == [0.9, 1.0, 0.5]
    assert "0.90" in write_table(results)


def test_a_table_is_aligned():
    written = write_markdown(("", "wanted"), [("a long name", "1"), ("b", "at most 2.5")])
    assert len({len(line) for line in written.splitlines()}) == 1


@pytest.mark.parametrize(
    ("check", "line"),
    [
        (Check("a", [0.86, 0.9, 0.1], at_least=0.86), "- [x] a: **0.86**, at least 0.86; each: 0.86 0.9 0.1"),
        (Check("a", [0.85], at_least=0.86), "- [ ] a: **0.85**, at least 0.86"),
        (Check("a", [2.0], at_most=2), "- [x] a: **2**, at most 2"),
        (Check("a", [2.1], at_most=2), "- [ ] a: **2.1**, at most 2"),
        (Check("a", [], at_most=2), "- [ ] a: not measured, at most 2"),
        (Check("a", [7]), "- a: **7**"),
    ],
)
def test_a_check_shows_whether_the_median_is_within_its_bounds(check, line):
    assert str(check) == line
