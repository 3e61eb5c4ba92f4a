"""What the project promises of its speed, beside what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rows import LIMIT, Rounds, Row, median_ratio

OURS = "ours (openvino)"
OURS_TENSORFLOW = "ours (tensorflow)"
LIMIT_CV2 = "limit, decoded by cv2"
LIMIT_ALONE = "limit, one thread"
NAIVE = "naive"
PLAIN = "plain"
LITSERVE = "LitServe"
LITSERVE_BATCHES = "LitServe, batches of 8"
BENTOML = "BentoML"
BENTOML_MOUNT = "BentoML, FastAPI mounted"
OWN_API = (LITSERVE, LITSERVE_BATCHES, BENTOML)
PEERS = (*OWN_API, BENTOML_MOUNT)
# The best of them, decoding as OpenCV's users do; all others are given the service's own, faster decoding.
LITSERVE_CV2 = f"{LITSERVE_BATCHES}, cv2"
BENTOML_CV2 = f"{BENTOML_MOUNT}, cv2"
ARTICLE = "article-cnn/1"

# The names under which `Rounds.single` keeps what belongs to no row.
IMPORT_SECONDS = "seconds of importing openvino, cv2 and fastapi"
SCORE_RATIO = "throughput of `score` ÷ that at 32 clients, raw"
SCORE_CPU_MS = "CPU ms a film of `score`"
SCORE_START = "CPU seconds of `score` before it looks for films: interpreter and imports"
PNG_MS = "CPU milliseconds of encoding the layers' pictures as PNG"
CV2_MS = "CPU milliseconds of decoding and shrinking a film by OpenCV: "
INFER_SHARE = "share of inference in a film's time in the bare loop: "
# In turns of `TURN_SECONDS`, see `turns.py`: what the promises of throughput and of maps are held against.
TURN_RAW = "throughput at 32 clients, raw, ÷ limit"
TURN_FORM = "throughput at 32 clients, multipart, ÷ limit"
TURN_CAM_MS = "CPU ms a film that `cam` adds"
TURN_LAYERS_MS = "CPU ms a film that `layers` adds"
TURN_ALONE_RAW = "median latency at 1 client, raw, ÷ limit by one thread"
TURN_ALONE_FORM = "median latency at 1 client, multipart, ÷ limit by one thread"
TURN_SECONDS = 2.0
TURNS = (TURN_RAW, TURN_FORM, TURN_ALONE_RAW, TURN_ALONE_FORM, TURN_CAM_MS, TURN_LAYERS_MS, SCORE_RATIO, SCORE_CPU_MS)
BESIDE = "raw ÷ "
"""Before a server's name: our throughput divided by its, both loaded by turns."""


# The promised milliseconds were set where decoding and shrinking a film by OpenCV takes 5.6; on a slower day or machine
# all of them grow, and only the ratios tell.
CAM_WANTED = round(1.5 / 5.6, 3)
SCORE_WANTED = round(1.3 / 5.6, 3)


@dataclass(frozen=True)
class Verdict:
    """One figure: what it is of, what is wanted, what was measured, and whether that held.

    `held` is None where nothing is wanted, or nothing was measured.
    """

    what: str
    wanted: str
    measured: str
    held: bool | None


def judge(rounds: Rounds, model: str) -> list[Verdict]:
    """Hold the measured against the wanted.

    Args:
        rounds: all that was measured.
        model: the one that the figures are of; those with the article's network are of `ARTICLE`.
    """
    limit = Row(model, LIMIT)
    raw, form = (Row(model, OURS, sent, 32) for sent in ("raw", "multipart"))
    cam, layers, none = (Row(model, OURS, "raw", 32, kind) for kind in ("cam", "layers", "none"))
    verdicts = [
        _at_least(f"{TURN_RAW}, in turns", 0.90, _median(rounds.single.get(TURN_RAW, []))),
        _at_least(f"{TURN_FORM}, in turns", 0.85, _median(rounds.single.get(TURN_FORM, []))),
        _tell(f"{TURN_RAW}, by the rounds", rounds.ratio(raw, limit)),
        _tell(f"{TURN_FORM}, by the rounds", rounds.ratio(form, limit)),
        _tell("limit ÷ the fixed loop of full cv2 decoding", rounds.ratio(limit, Row(model, LIMIT_CV2))),
        _at_least(f"{ARTICLE}: raw ÷ naive", 12, _over(rounds, ARTICLE, [NAIVE])),
        *_beside_peers(rounds, ARTICLE, 1.3),
        *(_beside_peers(rounds, model, 1.0) if model != ARTICLE else []),
        _tell(f"{model}: raw ÷ plain", _over(rounds, model, [PLAIN])),
        _tell(f"{model}: share of the network in a film's bill", _median(rounds.single.get(INFER_SHARE + model, []))),
    ]
    alone = Row(model, LIMIT_ALONE)
    for sent, name in (("raw", TURN_ALONE_RAW), ("multipart", TURN_ALONE_FORM)):
        verdicts.append(_at_most(f"{name}, in turns", 1.25, _median(rounds.single.get(name, []))))
        ratio = rounds.ratio(Row(model, OURS, sent, 1), alone, "median_ms")
        verdicts.append(_tell(f"{name}, by the rounds", ratio))
    for row in (raw, form):
        ratio = median_ratio(rounds.each(row, "p99_ms"), rounds.each(row, "median_ms"))
        verdicts.append(_at_most(f"99th percentile ÷ median at 32 clients, {row.form}", 2, ratio))
    ready = median_ratio(rounds.each(raw, "ready_seconds"), rounds.single.get(IMPORT_SECONDS, []))
    more_cam, more_layers = (_median(rounds.single.get(name, [])) for name in (TURN_CAM_MS, TURN_LAYERS_MS))
    png = _median(rounds.single.get(PNG_MS, []))
    score_ms = _median(rounds.single.get(SCORE_CPU_MS, []))
    decoding = _median(rounds.single.get(CV2_MS + model, []))
    near = _over_each(more_layers, png)
    return [
        *verdicts,
        _at_most("ready ÷ importing openvino, cv2 and fastapi", 2.5, ready),
        _at_most("peak memory at 32 clients without maps, MB", 400, _peak(rounds, raw, form, none), 0),
        _at_most("peak memory at 32 clients with maps, MB", 500, _peak(rounds, cam, layers), 0),
        _at_most(f"{TURN_CAM_MS}, in turns", 1.5, more_cam),
        _at_most(f"{TURN_CAM_MS}, in turns, ÷ decoding by cv2", CAM_WANTED, _over_each(more_cam, decoding)),
        _tell(f"{TURN_CAM_MS}, by the rounds", _difference(rounds, cam, none)),
        _tell(f"{TURN_LAYERS_MS}, in turns", more_layers),
        _tell("CPU ms of PNG encoding alone, of the same pictures", png),
        _tell("what `layers` adds ÷ PNG encoding alone", near),
        _at_most(SCORE_CPU_MS, 1.3, score_ms),
        _at_most(f"{SCORE_CPU_MS} ÷ decoding by cv2", SCORE_WANTED, _over_each(score_ms, decoding)),
        _tell(SCORE_START, _median(rounds.single.get(SCORE_START, []))),
        _at_least(f"{SCORE_RATIO}, in turns", 0.88, _median(rounds.single.get(SCORE_RATIO, []))),
    ]


def _beside_peers(rounds: Rounds, model: str, wanted: float) -> list[Verdict]:
    return [
        _at_least(f"{model}: raw ÷ the best peer, given our decoding", wanted, _over(rounds, model, PEERS)),
        _tell(f"{model}: raw ÷ the best peer by its own API", _over(rounds, model, OWN_API)),
        _at_least(
            f"{model}: raw ÷ the best peer that decodes by cv2",
            wanted,
            _over(rounds, model, (LITSERVE_CV2, BENTOML_CV2)),
        ),
    ]


def beside(model: str, server: str) -> str:
    """Name the ratio of our throughput to another server's, both at 32 clients, for `Rounds.single`."""
    return f"{model}: {BESIDE}{server}"


def _over(rounds: Rounds, model: str, servers: Sequence[str]) -> float | None:
    """Answer our throughput, raw at 32 clients, divided by that of the best of some servers; the smallest ratio."""
    ratios = [_median(rounds.single.get(beside(model, server), [])) for server in servers]
    return min((ratio for ratio in ratios if ratio is not None), default=None)


def _difference(rounds: Rounds, row: Row, base: Row) -> float | None:
    ones, others = rounds.each(row, "cpu_ms"), rounds.each(base, "cpu_ms")
    return _median([one - other for one, other in zip(ones, others, strict=True)]) if len(ones) == len(others) else None


def _over_each(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _peak(rounds: Rounds, *rows: Row) -> float | None:
    """Answer the highest of all rounds: a limit on memory is passed once or not at all."""
    return max((peak for row in rows for peak in rounds.each(row, "peak_megabytes")), default=None)


def _median(figures: Sequence[float]) -> float | None:
    return statistics.median(figures) if figures else None


def _at_least(what: str, wanted: float, measured: float | None) -> Verdict:
    held = None if measured is None else measured >= wanted
    return Verdict(what, f"at least {wanted:g}", _write(measured), held)


def _at_most(what: str, wanted: float, measured: float | None, digits: int = 3) -> Verdict:
    held = None if measured is None else measured <= wanted
    return Verdict(what, f"at most {wanted:g}", _write(measured, digits), held)


def _tell(what: str, measured: float | None) -> Verdict:
    return Verdict(what, "", _write(measured), None)


def _write(measured: float | None, digits: int = 3) -> str:
    return "not measured" if measured is None else f"{measured:.{digits}f}"
