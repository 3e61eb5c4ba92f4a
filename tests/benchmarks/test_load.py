"""What the load generator prints is read strictly, and answers are held against the bare loop's."""

import json

import pytest

from benchmarks.load import Answer, Load, LoadFailed, compare, parse_wrk


def told(**figures):
    usual = {"requests": 1200, "counted": 1200, "microseconds": 10_000_000, "wrong": 0, "median": 2500, "p99": 9000}
    line = json.dumps(usual | figures)
    return f"Running 10s test\n  1 threads and 32 connections\n{line}\n"


def test_the_last_line_is_read_in_seconds_and_milliseconds():
    """Wrk counts in microseconds."""
    assert parse_wrk(told(), 1.5) == Load(1200, 10.0, 2.5, 9.0, 1.5)


@pytest.mark.parametrize("figures", [{"wrong": 1}, {"requests": 0}])
def test_a_load_with_a_wrong_answer_or_none_is_no_measurement(figures):
    """One answer that is not 200 spoils the figures."""
    with pytest.raises(LoadFailed, match="status 200"):
        parse_wrk(told(**figures), 1.0)


def test_a_latency_must_be_left_for_each_request():
    """Else wrk's own correction was not the one that is taken out again."""
    with pytest.raises(LoadFailed, match="latency for each"):
        parse_wrk(told(counted=1199), 1.0)


@pytest.mark.parametrize("output", ["", "unable to connect\n"])
def test_a_load_generator_that_prints_something_else_is_an_error(output):
    """It is not taken for a load of nothing."""
    with pytest.raises(LoadFailed, match="line of JSON"):
        parse_wrk(output, 0.0)


EXPECTED = [Answer(0.25, "NORMAL"), Answer(0.75, "PNEUMONIA")]


def test_the_largest_difference_in_probability_is_told():
    """Within the tolerance it is a figure of its own."""
    answers = [Answer(0.2504, "NORMAL"), Answer(0.7499, "PNEUMONIA")]
    assert compare(EXPECTED, answers) == pytest.approx(4e-4)


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(0.252, "NORMAL"), Answer(0.75, "PNEUMONIA")],
        [Answer(0.25, "NORMAL"), Answer(0.75, "NORMAL")],
        [Answer(0.75, "PNEUMONIA"), Answer(0.25, "NORMAL")],
        [Answer(0.25, "NORMAL"), Answer(float("nan"), "PNEUMONIA")],
    ],
    ids=["off", "another class", "mixed up", "no number"],
)
def test_wrong_answers_are_no_measurement(answers):
    """A server that answers wrongly is not fast."""
    with pytest.raises(LoadFailed, match="bare loop"):
        compare(EXPECTED, answers)
