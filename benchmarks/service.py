"""What `make bench` measures: one round of the service alone, and one beside each other server."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from app.inference.artifact import Entry
from app.process import granted_cores
from benchmarks.cases import our_case, rival_cases
from benchmarks.limit import BareLoop, bare_loop
from benchmarks.load import Load
from benchmarks.processes import Server
from benchmarks.turns import Bench, Entrant

LOOP, LOOP_ONE, LOOP_CV2 = "bare loop", "bare loop, one thread", "bare loop, decoded by OpenCV"
RAW, FORM = "PneumoServe, raw", "PneumoServe, multipart"
RAW_ONE, FORM_ONE = f"{RAW}, 1 client", f"{FORM}, 1 client"
NONE, CAM, LAYERS = (f"{RAW}, maps: {maps}" for maps in ("none", "cam", "layers"))
SCORE = "`score` (CPU: its own)"
IMPORTS = "importing openvino, cv2 and fastapi"

_SCORE_COPIES = 10
"""Of each film: `score` begins and ends with fewer at once."""
_SCORE_PRINTED = re.compile(r"^(\d+) (?:sent|scored) in ([\d.]+) s: .* ([\d.]+) ms of ", re.MULTILINE)


def measure_service(bench: Bench, entry: Entry) -> None:
    """Measure one round: both forms at 32 clients and at one, `score`, and activation maps."""
    results, case, threads = bench.results, our_case(entry), granted_cores()
    results.add(IMPORTS, seconds=time_imports())
    with bare_loop(bench.listing, entry.label, threads) as loop:
        with bench.standing(case) as server:
            bench.compare(loop, LOOP, [Entrant(RAW, server), Entrant(FORM, server, Load("multipart"))])
            with bare_loop(bench.listing, entry.label, 1) as single:
                alone = [Entrant(RAW_ONE, server, Load("raw", 1)), Entrant(FORM_ONE, server, Load("multipart", 1))]
                bench.compare(single, LOOP_ONE, alone)
            measure_score(bench, loop, server)
        with bench.standing(case) as server:
            entrants = [Entrant(row, server, Load(maps=row.split()[-1])) for row in (NONE, CAM, LAYERS)]
            bench.compare(loop, LOOP, entrants)
        with bare_loop(bench.listing, entry.label, threads, "cv2") as opencv:
            base, metrics = loop.run(bench.seconds), opencv.run(bench.seconds)
            results.add(LOOP_CV2, of_loop=metrics["per_second"] / base["per_second"], **metrics)


def measure_score(bench: Bench, loop: BareLoop, server: Server) -> None:
    """Measure `pneumoserve score` over copies of the films, between two runs of the bare loop."""
    bench.say(SCORE)
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    films = [*bench.films] * _SCORE_COPIES
    for number, film in enumerate(films):
        (folder / f"{number:05d}{film.suffix}").symlink_to(film)
    command = [sys.executable, "pneumoserve.py", "score", str(folder), "--url", f"http://127.0.0.1:{server.port}"]
    first = loop.run(bench.seconds)["per_second"]
    ended = subprocess.run([*command, "--out", f"{folder}.csv"], capture_output=True, text=True, check=False)  # noqa: S603 - our own
    base = (first + loop.run(bench.seconds)["per_second"]) / 2
    per_second, cpu_ms = parse_score(ended.stdout + ended.stderr, len(films))
    bench.results.add(SCORE, per_second=per_second, of_loop=per_second / base, cpu_ms=cpu_ms)


def parse_score(output: str, count: int) -> tuple[float, float]:
    """Return films/s, and the command's own CPU ms per film; RuntimeError where it did not score `count` films."""
    found = _SCORE_PRINTED.search(output)
    if found is None or int(found[1]) != count:
        raise RuntimeError(f"Expected `score` to score {count} films. Received: {output[-500:]}")
    return count / float(found[2]), float(found[3])


def measure_rivals(bench: Bench, entry: Entry, peers: Path | None) -> None:
    """Measure each other server in turns with the service, on the same network."""
    loop_row, ours = label(entry.label, LOOP), label(entry.label, "PneumoServe, raw, beside these")
    with bare_loop(bench.listing, entry.label, granted_cores()) as loop:
        for case in rival_cases(entry, peers):
            theirs = label(entry.label, case.name)
            with bench.standing(our_case(entry)) as server, bench.standing(case) as rival:
                bench.compare(loop, loop_row, [Entrant(ours, server), Entrant(theirs, rival, Load(case.form))])
            turns = (bench.results.each(row, "per_second")[-bench.turns :] for row in (ours, theirs))
            for one, other in zip(*turns, strict=True):
                bench.results.add(theirs, ours_over=one / other)


def label(model: str, row: str) -> str:
    """Return the name of a row beside other servers."""
    return f"{model}: {row}"


def time_imports() -> float:
    """Return the seconds of an interpreter's start and the imports of the service's libraries."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import openvino, cv2, fastapi"], check=True)
    return time.perf_counter() - begun
