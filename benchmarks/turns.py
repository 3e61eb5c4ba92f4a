"""The bare loop and the service in turns of two seconds, so that both see the machine at the same speed.

It wanders by a tenth within minutes, so that two loads of ten seconds, one after the other, tell more of that than of
each other. Here 32 clients send films without end, and every two seconds they and the service are stopped (SIGSTOP)
while the bare loop runs. One start of a process is a few percent faster than the next, for as long as it runs: each
turn starts both anew.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection

from benchmarks.cases import MANY, Ask, make_ours
from benchmarks.figures import (
    TURN_ALONE_FORM,
    TURN_ALONE_RAW,
    TURN_CAM_MS,
    TURN_FORM,
    TURN_LAYERS_MS,
    TURN_RAW,
    TURN_SECONDS,
)
from benchmarks.films import ROOT
from benchmarks.load import Form, LoadFailed, loading
from benchmarks.measure import Bench
from benchmarks.processes import Server, die_with_us, end_tree, going_on, stopped

_STOPS = 6
_BEGIN_SECONDS = 1.5
"""Until every client has been answered: at first all send at once."""
_WARM_SECONDS = 0.3
"""After a stop, before the clock starts again; the bare loop reads as many films before its own."""
_MAPS_TIMES = 6
_MAPS_SECONDS = 1.2
_MAPS_WARM_SECONDS = 0.8
"""Until what is left of the films of the client before, with other maps, has been worked off."""
_ALONE_TIMES = 2
_ALONE_SECONDS = 3.0
"""Of a load by one client, and of the bare loop by one thread: long enough for each film once."""
_TIMEOUT_SECONDS = 20
_RAW, _CAM, _LAYERS = Ask("raw"), Ask("raw", maps="cam"), Ask("raw", maps="layers")
RunLimit = Callable[[float], dict[str, float]]
_REQUESTS = re.compile(r'^pneumoserve_requests_total\{outcome="([^"]+)"\} (\S+)$', re.MULTILINE)


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
    case, step = make_ours(model, (_RAW,)), -1 if is_reversed else 1
    forms: tuple[Form, ...] = ("multipart", "raw")
    with (
        # The first load after a start is slower: memory is asked of the kernel for the first time.
        bench.standing(case, _LAYERS, lambda _: None) as server,
        _limit(bench, model, threads) as run_limit,
        _limit(bench, model, 1) as run_alone,
    ):
        run_limit(TURN_SECONDS)
        run_alone(TURN_SECONDS)
        ratios = {form: _alternate(bench, server, form, run_limit) for form in forms[::step]}
        alone = _compare_alone(bench, server, forms[::step], run_alone)
        cpu_ms = _compare_maps(bench, server, (_RAW, _CAM, _LAYERS)[::step])
    return {
        TURN_RAW: ratios["raw"],
        TURN_FORM: ratios["multipart"],
        TURN_ALONE_RAW: alone["raw"],
        TURN_ALONE_FORM: alone["multipart"],
        TURN_CAM_MS: cpu_ms[_CAM] - cpu_ms[_RAW],
        TURN_LAYERS_MS: cpu_ms[_LAYERS] - cpu_ms[_RAW],
    }


def _alternate(bench: Bench, server: Server, form: Form, run_limit: RunLimit) -> float:
    """Answer the service's films a second ÷ the bare loop's."""
    server.rest()
    films, seconds, limit = 0, 0.0, []
    with loading(server.port, bench.listing, form, MANY) as client:
        time.sleep(_BEGIN_SECONDS)
        for _ in range(_STOPS):
            time.sleep(_WARM_SECONDS)
            before, begun = _count_films(server.port), time.perf_counter()
            time.sleep(TURN_SECONDS)
            films += _count_films(server.port) - before
            seconds += time.perf_counter() - begun
            with stopped(server.process.pid, client.pid):
                limit.append(run_limit(TURN_SECONDS)["per_second"])
    return films / seconds / statistics.fmean(limit)


def _compare_alone(bench: Bench, server: Server, forms: Sequence[Form], run_alone: RunLimit) -> dict[Form, float]:
    """Answer the median latencies of one client ÷ those of the bare loop by one thread."""
    medians: dict[Form, list[float]] = {form: [] for form in forms}
    limit = []
    for _ in range(_ALONE_TIMES):
        server.rest()
        limit.append(run_alone(_ALONE_SECONDS)["median_ms"])
        for form in forms:
            medians[form].append(bench.load(server, Ask(form, 1), _ALONE_SECONDS)[0].median_ms)
    return {form: statistics.fmean(told) / statistics.fmean(limit) for form, told in medians.items()}


def _compare_maps(bench: Bench, server: Server, asks: Sequence[Ask]) -> dict[Ask, float]:
    """Answer the CPU milliseconds a film of the service, for each kind of maps, the clients taking turns."""
    for ask in asks:
        bench.warm(server, ask)
    films, cpu = dict.fromkeys(asks, 0), dict.fromkeys(asks, 0.0)
    with ExitStack() as stack:
        clients = {}
        for ask in asks:
            clients[ask] = stack.enter_context(loading(server.port, bench.listing, ask.form, MANY, ask.path))
            time.sleep(_BEGIN_SECONDS)
            stack.enter_context(stopped(clients[ask].pid))
        for _ in range(_MAPS_TIMES):
            for ask in asks:
                with going_on(clients[ask].pid):
                    time.sleep(_MAPS_WARM_SECONDS)
                    before, begun = _count_films(server.port), server.cpu_seconds()
                    time.sleep(_MAPS_SECONDS)
                    films[ask] += _count_films(server.port) - before
                    cpu[ask] += server.cpu_seconds() - begun
    return {ask: 1e3 * cpu[ask] / films[ask] for ask in asks}


def _count_films(port: int) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)) as connection:
        connection.request("GET", "/metrics")
        told = connection.getresponse().read().decode()
    counts = {outcome: int(float(count)) for outcome, count in _REQUESTS.findall(told)}
    films = counts.pop("ok", 0)
    # Those of a load that was ended.
    counts.pop("client-gone", 0)
    if not films or any(counts.values()):
        raise LoadFailed(f"Expected only answers of status 200. Received {counts} others.")
    return films


@contextmanager
def _limit(bench: Bench, model: str, threads: int) -> Iterator[RunLimit]:
    """Start the bare loop, and answer what lets it loop for some seconds and tells its figures."""
    command = die_with_us(bench.limit_command(model, threads))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)  # noqa: S603 - our own

    def run(seconds: float) -> dict[str, float]:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
        process.stdin.write(b"%g\n" % seconds)
        process.stdin.flush()
        process.stdout.readline()
        told: dict[str, float] = json.loads(process.stdout.readline())
        return told

    try:
        yield run
    finally:
        end_tree(process)
