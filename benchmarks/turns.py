"""The bare loop and the service in short turns, so that both see the machine at the same speed.

It wanders by a tenth within minutes: two loads of ten seconds, a minute apart, tell more of that than of each other.
And one start of a process is a few percent faster than the next, for as long as it runs: each turn starts both anew.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.cases import Ask, make_ours
from benchmarks.figures import TURN_CAM_MS, TURN_FORM, TURN_LAYERS_MS, TURN_RAW, TURN_SECONDS
from benchmarks.films import ROOT
from benchmarks.measure import WARM_SECONDS, Bench
from benchmarks.processes import Server, die_with_us, end_tree, free_port, serving

_LIMIT = None
# What is compared stands next to each other.
_FORM, _RAW = Ask("multipart"), Ask("raw")
_CAM, _LAYERS = Ask("raw", maps="cam"), Ask("raw", maps="layers")
_ORDER: tuple[Ask | None, ...] = (_FORM, _LIMIT, _RAW, _CAM, _LAYERS)


@dataclass(frozen=True)
class Speed:
    """Films a second, and CPU milliseconds a film of the process tree."""

    per_second: float
    cpu_ms: float


def take_turn(bench: Bench, model: str, threads: int, *, is_reversed: bool) -> dict[str, float]:
    """Measure one turn, and answer its figures by their names in `figures`.

    Args:
        bench: the films, and the answers that are right.
        model: `name/version`.
        threads: of the bare loop.
        is_reversed: go the other way, as every second turn should.

    Raises:
        LoadFailed: an answer was wrong.
    """
    case, port = make_ours(model, (_RAW,)), free_port()
    command, environment = case.started(port)
    with (
        serving(command, port, environment=environment, cwd=ROOT) as server,
        _limit(bench, model, threads) as run_limit,
    ):
        bench.check(case, port, lambda _: None)
        # The first load after a start is slower: memory is asked of the kernel for the first time.
        bench.load(server, _LAYERS, WARM_SECONDS)
        order = _ORDER[::-1] if is_reversed else _ORDER
        speeds = {ask: run_limit() if ask is None else _load(bench, server, ask) for ask in order}
    return {
        TURN_RAW: speeds[_RAW].per_second / speeds[_LIMIT].per_second,
        TURN_FORM: speeds[_FORM].per_second / speeds[_LIMIT].per_second,
        TURN_CAM_MS: speeds[_CAM].cpu_ms - speeds[_RAW].cpu_ms,
        TURN_LAYERS_MS: speeds[_LAYERS].cpu_ms - speeds[_RAW].cpu_ms,
    }


def _load(bench: Bench, server: Server, ask: Ask) -> Speed:
    load, cpu_ms = bench.load(server, ask, TURN_SECONDS)
    return Speed(load.per_second, cpu_ms)


@contextmanager
def _limit(bench: Bench, model: str, threads: int) -> Iterator[Callable[[], Speed]]:
    """Start the bare loop, and answer what lets it loop once."""
    command = die_with_us(bench.limit_command(model, threads))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)  # noqa: S603 - our own

    def run() -> Speed:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
        process.stdin.write(b"%g\n" % TURN_SECONDS)
        process.stdin.flush()
        process.stdout.readline()
        told = json.loads(process.stdout.readline())
        return Speed(told["per_second"], told["cpu_ms"])

    try:
        yield run
    finally:
        end_tree(process)
