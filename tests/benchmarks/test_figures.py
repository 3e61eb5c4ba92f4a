"""The promised figures are held against what was measured, and what was not measured is said to be so."""

from dataclasses import replace

from benchmarks import figures
from benchmarks.figures import ARTICLE, judge
from benchmarks.rows import LIMIT, Figures, Rounds, Row

MODEL = "tiny/1"
PLAIN = Figures(100.0, 10.0, 20.0, 8.0, 300.0, 1.0)


def found(rounds, what, model=MODEL):
    (verdict,) = [verdict for verdict in judge(rounds, model) if verdict.what == what]
    return verdict


def test_with_nothing_measured_nothing_is_held_or_missed():
    """An empty run says so in every line."""
    verdicts = judge(Rounds(), MODEL)
    assert {verdict.measured for verdict in verdicts} == {"not measured"}
    assert {verdict.held for verdict in verdicts} == {None}


def test_throughput_is_held_against_the_limit_of_the_same_turn():
    """At least 0.90 raw, by the median of the turns; the rounds' own ratio is told beside it."""
    rounds = Rounds()
    for ratio in (0.95, 0.915, 0.7):
        rounds.note(figures.TURN_RAW, ratio)
    for limit, ours in ((100, 81), (50, 41)):
        rounds.add(Row(MODEL, LIMIT), replace(PLAIN, per_second=limit))
        rounds.add(Row(MODEL, figures.OURS, "raw", 32), replace(PLAIN, per_second=ours))
    verdict = found(rounds, f"{figures.TURN_RAW}, in turns")
    assert (verdict.measured, verdict.held) == ("0.915", True)
    beside = found(rounds, f"{figures.TURN_RAW}, by the rounds")
    assert (beside.measured, beside.held) == ("0.815", None)


def test_the_best_peer_is_the_one_that_counts():
    """However slow the others are; those that decode as their users do stand on a line of their own."""
    rounds = Rounds()
    ratios = {figures.LITSERVE: 2.0, figures.BENTOML: 1.2, figures.LITSERVE_CV2: 1.5, figures.BENTOML_CV2: 1.333}
    for server, ratio in ratios.items():
        for turn in (ratio, 9.0, ratio):
            rounds.note(figures.beside(ARTICLE, server), turn)
    verdict = found(rounds, f"{ARTICLE}: raw ÷ the best peer, given our decoding")
    assert (verdict.measured, verdict.held) == ("1.200", False)
    verdict = found(rounds, f"{ARTICLE}: raw ÷ the best peer that decodes by cv2")
    assert (verdict.measured, verdict.held) == ("1.333", True)


def test_what_maps_cost_is_the_difference_to_none_beside_them():
    """Of CPU time, and for `layers` beside PNG encoding alone."""
    rounds = Rounds()
    for kind, cpu_ms in (("none", 8.0), ("cam", 9.6)):
        rounds.add(Row(MODEL, figures.OURS, "raw", 32, kind), replace(PLAIN, cpu_ms=cpu_ms))
    rounds.note(figures.TURN_CAM_MS, 1.25)
    rounds.note(figures.TURN_LAYERS_MS, 8.4)
    rounds.note(figures.PNG_MS, 8.0)
    assert found(rounds, f"{figures.TURN_CAM_MS}, in turns").held is True
    assert found(rounds, f"{figures.TURN_CAM_MS}, by the rounds").measured == "1.600"
    assert found(rounds, "what `layers` adds ÷ PNG encoding alone").measured == "1.050"


def test_peak_memory_is_the_highest_of_all_rounds():
    """A limit on memory is passed once, or not at all."""
    rounds = Rounds()
    for peak in (300.0, 410.0, 300.0):
        rounds.add(Row(MODEL, figures.OURS, "raw", 32), replace(PLAIN, peak_megabytes=peak))
    verdict = found(rounds, "peak memory at 32 clients without maps, MB")
    assert (verdict.measured, verdict.held) == ("410", False)


def test_milliseconds_are_held_beside_decoding_too():
    """On a slow day both grow: 1.5 of 5.6 is what was promised of `cam`, 1.3 of 5.6 of `score`."""
    rounds = Rounds()
    for name, ms in ((figures.TURN_CAM_MS, 2.0), (figures.SCORE_CPU_MS, 2.9), (figures.CV2_MS + MODEL, 12.0)):
        rounds.note(name, ms)
    assert found(rounds, f"{figures.TURN_CAM_MS}, in turns").held is False
    verdict = found(rounds, f"{figures.TURN_CAM_MS}, in turns, ÷ decoding by cv2")
    assert (verdict.wanted, verdict.measured, verdict.held) == ("at most 0.268", "0.167", True)
    verdict = found(rounds, "CPU ms a film of `score` ÷ decoding by cv2")
    assert (verdict.wanted, verdict.measured, verdict.held) == ("at most 0.232", "0.242", False)
