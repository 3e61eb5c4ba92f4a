"""How the service's speed and memory grow: with clients, with the size of films, with cores, with requests served.

    make bench-growth
    python -m benchmarks.growth [--seconds 10] [--requests 100000] [--only clients size cores memory]

writes growth-*.png and growth.json into benchmarks/; what is not measured again is kept from the last time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks.cases import Ask, Case, make_ours
from benchmarks.films import ROOT, STORE, draw_film, encode, find_films
from benchmarks.load import LoadFailed, find_wrk, run_wrk
from benchmarks.measure import Bench
from benchmarks.plots import Point, draw
from benchmarks.processes import free_port, serving
from benchmarks.report import describe_machine
from benchmarks.rows import LIMIT

CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MEGAPIXELS = (0.1, 0.3, 1, 3, 10, 30, 50)
FILMS_A_SIZE = 4
BYTES_PER_PIXEL = 0.1
# Otherwise the service refuses from the 65th client on, as it should.
ROOM = {"max_in_flight": "512", "max_reading": "512", "max_bytes_held": str(2**31)}
OUT = Path(__file__).parent

Tell = Callable[[str], None]


def grow_clients(model: str, folder: Path, seconds: float, tell: Tell) -> list[Point]:
    """Measure 1 to 256 clients on one run of the server, beside the bare loop."""
    bench = Bench(find_films(folder)[0], folder, seconds)
    _, limit, _ = bench.measure_limit(model, LIMIT, granted_cores())
    case = make_ours(model, tuple(Ask("raw", clients) for clients in CLIENTS), settings=ROOM)
    points = _measure(bench, case, tell)
    return [
        {"clients": clients, "limit_per_second": limit.per_second} | point
        for clients, point in zip(CLIENTS, points, strict=True)
    ]


def grow_size(model: str, folder: Path, seconds: float, tell: Tell) -> list[Point]:
    """Measure films of each size, by as many clients as there are cores."""
    points = []
    for megapixels in MEGAPIXELS:
        tell(f"drawing films of {megapixels:g} megapixels")
        films = _draw(folder / f"{megapixels:g}", megapixels, FILMS_A_SIZE)
        bench = Bench(films, films[0].parent, seconds)
        (point,) = _measure(bench, make_ours(model, (Ask("raw", granted_cores()),)), tell)
        size = sum(film.stat().st_size for film in films) / len(films)
        points.append({"megapixels": megapixels, "bytes": size} | point)
    return points


def grow_cores(model: str, folder: Path, seconds: float, tell: Tell) -> list[Point]:
    """Measure with 1, 2, 4, … of the granted cores, beside the bare loop on the same cores."""
    bench = Bench(find_films(folder)[0], folder, seconds)
    granted = sorted(os.sched_getaffinity(0))[: granted_cores()]
    points = []
    for cores in sorted({*(2**power for power in range(len(granted).bit_length())), len(granted)}):
        pinned = ["taskset", "-c", ",".join(map(str, granted[:cores]))]
        _, limit, _ = bench.measure_limit(model, LIMIT, cores, pinned)
        case = make_ours(model, (Ask("raw"),))
        (point,) = _measure(bench, replace(case, command=[*pinned, *case.command]), tell)
        points.append({"cores": cores, "limit_per_second": limit.per_second} | point)
    return points


def grow_requests(model: str, folder: Path, seconds: float, tell: Tell, requests: int) -> list[Point]:
    """Send a small film again and again, and read the server's memory in between."""
    films = _draw(folder / "small", min(MEGAPIXELS), 1)
    bench = Bench(films, films[0].parent, seconds)
    port = free_port()
    command, environment = make_ours(model, ()).started(port)
    with serving(command, port, environment=environment, cwd=ROOT) as server:
        points = [{"requests": 0.0, "megabytes": server.megabytes()}]
        while points[-1]["requests"] < requests:
            tell(f"memory: {points[-1]['requests']:,.0f} of {requests:,} requests")
            load = run_wrk(port, bench.listing, "raw", 8, seconds)
            points.append({"requests": points[-1]["requests"] + load.requests, "megabytes": server.megabytes()})
    return points


def _measure(bench: Bench, case: Case, tell: Tell) -> list[Point]:
    with closing(bench.measure(case, tell)) as measurements:
        return [asdict(figures) for _, figures in measurements]


def _draw(folder: Path, megapixels: float, count: int) -> list[Path]:
    folder.mkdir()
    films = []
    for seed in range(count):
        films.append(folder / f"film-{seed}.jpeg")
        films[-1].write_bytes(encode(draw_film(seed, 1e6 * megapixels), BYTES_PER_PIXEL))
    return films


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--requests", type=int, default=100_000, help="for memory")
    parser.add_argument("--model", help="NAME/VERSION; unset: the bundled default")
    parser.add_argument("--only", nargs="+", choices=("clients", "size", "cores", "memory"))
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args(arguments)


def main() -> None:
    """Measure, write and draw. Status 1 where an answer was wrong, 2 where wrk is missing."""
    arguments = parse_arguments()
    find_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.chdir(ROOT)
    console = Console()
    model = find_entry(STORE, arguments.model).label
    kept = arguments.out / "growth.json"
    told = json.loads(kept.read_text()) if kept.exists() else {}
    told |= {"machine": describe_machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "model": model}
    measures: dict[str, Callable[[Path, Tell], list[Point]]] = {
        "clients": lambda folder, tell: grow_clients(model, folder, arguments.seconds, tell),
        "size": lambda folder, tell: grow_size(model, folder, arguments.seconds, tell),
        "cores": lambda folder, tell: grow_cores(model, folder, arguments.seconds, tell),
        "memory": lambda folder, tell: grow_requests(model, folder, arguments.seconds, tell, arguments.requests),
    }
    try:
        for name in arguments.only or measures:
            with tempfile.TemporaryDirectory() as folder, console.status(name) as status:
                told[name] = measures[name](Path(folder), status.update)
            console.print(f"{name}: {len(told[name])} points", highlight=False)
            kept.write_text(json.dumps(told, indent=1) + "\n")
            draw(name, told[name], f"{model} on {told['machine']}", arguments.out)
    except (LoadFailed, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
