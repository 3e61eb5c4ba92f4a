"""What `score` prints is what the benchmark of archives reads."""

import pytest

from benchmarks.archive import commands_of
from benchmarks.service import parse_score

PRINTED = {
    "over HTTP": "12 sent in 2.0 s: 6 films/s, 1.25 ms of this command's own CPU time a film.",
    "one file": "12 scored in 2.0 s: 6 films/s, 1.25 ms of this command's own CPU time a film.",
    "parts, Ray": "12 scored in 2.0 s: 6 films/s, 1.25 ms of CPU time a film.",
}


@pytest.mark.parametrize("way", PRINTED)
def test_films_a_second_and_cpu_are_read_from_the_summary(way):
    assert parse_score(f"12 films scored, 0 failed.\n{PRINTED[way]}\n", 12) == (6.0, 1.25)


def test_a_run_that_left_films_out_is_no_measurement():
    with pytest.raises(RuntimeError, match="Expected `score` to score 13 films"):
        parse_score(PRINTED["parts, Ray"], 13)


def test_every_way_writes_its_own_result(tmp_path):
    outs = [arguments[arguments.index("--out") + 1] for arguments in commands_of(8000, tmp_path).values()]
    assert len(set(outs)) == len(outs) == 4
