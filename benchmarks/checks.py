"""What is promised of the service's speed, beside what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import service as rows
from benchmarks.cases import BENTOML, LITSERVE, NAIVE
from benchmarks.results import Check, Results

ARTICLE = "article-cnn/1"
FLOORS = {"raw": 0.86, "multipart": 0.85}
"""Least films/s at 32 clients ÷ those of the bare loop."""
MOST_TAIL = 2.0
"""Largest 99th percentile at 32 clients ÷ the median."""

# Where the promised milliseconds were set, OpenCV decodes and shrinks a film in 5.6 CPU ms. On a slower machine the
# ratios to its decoding count.
_OPENCV_MS = 5.6


def checks_of_service(results: Results, model: str) -> list[Check]:
    """Return what is promised of the service with `model`, and beside other servers."""
    each = results.each
    none, cam, layers = (each(row, "cpu_ms") for row in (rows.NONE, rows.CAM, rows.LAYERS))
    cam, layers = ([one - other for one, other in zip(maps, none, strict=True)] for maps in (cam, layers))
    fixed = zip(each(rows.LOOP_CV2, "cpu_ms"), each(rows.LOOP_CV2, "infer_share"), strict=True)
    decoding = [cpu_ms * (1 - share) for cpu_ms, share in fixed]
    score, imports = each(rows.SCORE, "cpu_ms"), each(rows.IMPORTS, "seconds")
    raw, form = rows.RAW, rows.FORM
    return [
        Check(f"{raw}: films/s ÷ bare loop", each(raw, "of_loop"), at_least=FLOORS["raw"]),
        Check(f"{form}: films/s ÷ bare loop", each(form, "of_loop"), at_least=FLOORS["multipart"]),
        Check(f"{raw}: p99 ÷ median", each(raw, "tail"), at_most=MOST_TAIL),
        Check(f"{form}: p99 ÷ median", each(form, "tail"), at_most=MOST_TAIL),
        Check("/livez beside 32 clients: 99th percentile, ms", each(raw, "livez_p99_ms")),
        *(
            Check(f"{row}: median ÷ bare loop, one thread", each(row, "median_of_loop"), at_most=1.25)
            for row in (rows.RAW_ONE, rows.FORM_ONE)
        ),
        Check("ready ÷ importing openvino, cv2 and fastapi", _ratio(each(raw, "ready_s"), imports), at_most=2.5),
        Check("peak memory at 32 clients, MB", each(form, "peak_mb"), at_most=400),
        Check("peak memory at 32 clients with maps, MB", each(rows.LAYERS, "peak_mb"), at_most=500),
        Check("CPU ms per film that `cam` adds", cam, at_most=1.5),
        Check("CPU ms per film that `cam` adds ÷ OpenCV's decoding", _ratio(cam, decoding), at_most=1.5 / _OPENCV_MS),
        Check("CPU ms per film that `layers` adds", layers),
        Check("`score`: its own CPU ms per film", score, at_most=1.3),
        Check("`score`: its own CPU ms ÷ OpenCV's decoding", _ratio(score, decoding), at_most=1.3 / _OPENCV_MS),
        Check(f"`score`: films/s ÷ {raw}", _ratio(each(rows.SCORE, "of_loop"), each(raw, "of_loop")), at_least=0.88),
        Check("the network's part of a film's time in the bare loop", each(rows.LOOP, "infer_share")),
        Check(f"{ARTICLE}: PneumoServe ÷ naive", each(rows.label(ARTICLE, NAIVE), "ours_over"), at_least=12),
        Check(f"{ARTICLE}: PneumoServe ÷ the better of LitServe and BentoML", _peer(results, ARTICLE), at_least=1.3),
        Check(f"{model}: PneumoServe ÷ the better of LitServe and BentoML", _peer(results, model), at_least=1),
    ]


def _peer(results: Results, model: str) -> Sequence[float]:
    ratios = [results.each(rows.label(model, peer), "ours_over") for peer in (LITSERVE, BENTOML)]
    return min(filter(None, ratios), key=statistics.median, default=[])


def _ratio(ones: Sequence[float], others: Sequence[float]) -> list[float]:
    return [statistics.median(ones) / statistics.median(others)] if ones and others else []
