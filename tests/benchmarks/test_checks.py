"""What is promised is read from the right rows."""

import pytest

from benchmarks import service
from benchmarks.cases import BENTOML, LITSERVE
from benchmarks.checks import ARTICLE, checks_of_service
from benchmarks.results import Results


def median_of(results, what):
    (check,) = [check for check in checks_of_service(results, "tiny/1") if what in check.what]
    return sorted(check.values)[len(check.values) // 2]


def test_with_nothing_measured_nothing_is_met():
    lines = [str(check) for check in checks_of_service(Results(), "tiny/1")]
    assert all("not measured" in line and "[x]" not in line for line in lines)


def test_a_map_costs_the_difference_to_none_in_the_same_turn():
    results = Results()
    for none, cam in ((8, 9), (16, 17.5), (10, 13)):
        results.add(service.NONE, cpu_ms=none)
        results.add(service.CAM, cpu_ms=cam)
        results.add(service.LAYERS, cpu_ms=cam)
    results.add(service.LOOP_CV2, cpu_ms=10, infer_share=0.5)
    assert median_of(results, "that `cam` adds ÷") == pytest.approx(1.5 / 5)


def test_the_better_peer_is_the_one_that_counts():
    results = Results()
    for name, ratio in ((LITSERVE, 1.5), (BENTOML, 1.2)):
        results.add(service.label(ARTICLE, name), ours_over=ratio)
    assert median_of(results, f"{ARTICLE}: PneumoServe ÷ the better") == 1.2


@pytest.mark.parametrize(
    "output",
    ["300 sent in 2.5 s: 120 films/s, 1.10 ms of this command's own CPU time a film.\n"],
)
def test_what_score_prints_is_read(output):
    assert service.parse_score(output, 300) == (120, 1.10)
    with pytest.raises(RuntimeError, match="299 films"):
        service.parse_score(output, 299)
