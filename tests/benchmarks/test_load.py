"""What the load generator prints is read strictly, and answers are held against the bare loop's."""

import json
import subprocess

import pytest

from benchmarks.load import Latencies, LoadFailed, Stream, compare, parse_wrk


def printed(**figures):
    usual = {"requests": 1200, "counted": 1200, "microseconds": 10_000_000, "wrong": 0, "median": 2500, "p99": 9000}
    return f"Running 10s test\n  1 threads and 32 connections\n{json.dumps(usual | figures)}\n"


def test_the_last_line_is_read_in_milliseconds():
    """The load generator counts in microseconds."""
    assert parse_wrk(printed()) == Latencies(1200, 2.5, 9.0)


@pytest.mark.parametrize("figures", [{"wrong": 1}, {"requests": 0, "counted": 0}, {"counted": 1199}])
def test_a_load_with_a_wrong_answer_none_or_a_missing_latency_is_no_measurement(figures):
    with pytest.raises(LoadFailed, match="status 200 and a latency"):
        parse_wrk(printed(**figures))


@pytest.mark.parametrize("output", ["", "unable to connect\n"])
def test_a_load_generator_that_prints_something_else_is_an_error(output):
    with pytest.raises(LoadFailed, match="line of JSON"):
        parse_wrk(output)


@pytest.fixture
def sender():
    process = subprocess.Popen(["/bin/sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_a_stream_counts_its_answers(tmp_path, sender):
    stream = Stream(sender, tmp_path / "answers")
    stream.answers.write_bytes(b"...")
    assert stream.answered() == 3
    stream.wait(3, seconds=0)
    with pytest.raises(LoadFailed, match="Expected 4 answers"):
        stream.wait(4, seconds=0)


def test_a_stream_with_another_answer_than_200_is_no_measurement(tmp_path, sender):
    stream = Stream(sender, tmp_path / "answers")
    stream.answers.write_bytes(b"..x.")
    with pytest.raises(LoadFailed, match="1 others of 4"):
        stream.answered()


def test_a_stream_that_ended_is_no_measurement(tmp_path, sender):
    stream = Stream(sender, tmp_path / "answers")
    stream.answers.write_bytes(b"...")
    sender.kill()
    sender.wait()
    with pytest.raises(LoadFailed):
        stream.answered()


def answers(*pairs):
    return [{"probability": probability, "class": label} for probability, label in pairs]


EXPECTED = answers((0.25, "NORMAL"), (0.75, "PNEUMONIA"))


def test_the_largest_difference_in_probability_is_returned():
    assert compare(EXPECTED, answers((0.2504, "NORMAL"), (0.7499, "PNEUMONIA"))) == pytest.approx(4e-4)


@pytest.mark.parametrize(
    "received",
    [
        answers((0.252, "NORMAL"), (0.75, "PNEUMONIA")),
        answers((0.25, "NORMAL"), (0.75, "NORMAL")),
        answers((0.75, "PNEUMONIA"), (0.25, "NORMAL")),
        answers((0.25, "NORMAL"), (float("nan"), "PNEUMONIA")),
    ],
    ids=["off", "another class", "mixed up", "no number"],
)
def test_wrong_answers_are_no_measurement(received):
    with pytest.raises(LoadFailed, match="bare loop"):
        compare(EXPECTED, received)
