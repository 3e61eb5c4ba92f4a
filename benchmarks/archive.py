"""Films a second of an archive: `score` over HTTP, in-process into one file and into parts, beside the bare loop.

    python -m benchmarks.archive     # --rounds 3 --copies 10 --seconds 3 --films N --model NAME/VERSION

Each command runs between two runs of the bare loop, whose mean divides it. Films/s and CPU are as the command prints
them: without the interpreter's and Ray's start, and over HTTP without the service's CPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks.cases import our_case
from benchmarks.films import ROOT, STORE, find_films
from benchmarks.limit import BareLoop, bare_loop
from benchmarks.processes import free_port, serving
from benchmarks.results import Results, write_table
from benchmarks.service import parse_score

LOOP = "bare loop"


def commands_of(port: int, out: Path) -> dict[str, list[str]]:
    """Return the arguments of `score`, beside the manifest, of each way to score an archive; results go below `out`."""
    url = f"http://127.0.0.1:{port}"
    return {
        "`score` over HTTP": ["-", "--url", url, "--out", f"{out}/http.parquet"],
        "`score --in-process`, one file": ["-", "--in-process", "--out", f"{out}/in-process.parquet"],
        "`score --in-process`, parts": ["-", "--in-process", "--part-films", "500", "--out", f"{out}/parts/"],
        "`score --on ray`": ["-", "--in-process", "--on", "ray", "--part-films", "100", "--out", f"{out}/ray/"],
    }


def measure(
    results: Results, loop: BareLoop, manifest: Path, port: int, environment: Mapping[str, str], seconds: float
) -> None:
    """Measure one round; `seconds` of each run of the bare loop."""
    count = len(manifest.read_text().splitlines())
    with tempfile.TemporaryDirectory() as out:
        for row, arguments in commands_of(port, Path(out)).items():
            first = loop.run(seconds)
            with manifest.open() as listed:
                ended = subprocess.run(  # noqa: S603 - our own
                    [sys.executable, "pneumoserve.py", "score", *arguments],
                    stdin=listed,
                    capture_output=True,
                    text=True,
                    check=False,
                    cwd=ROOT,
                    env=environment,
                )
            last = loop.run(seconds)
            base = {name: (first[name] + last[name]) / 2 for name in first}
            per_second, cpu_ms = parse_score(ended.stdout + ended.stderr, count)
            results.add(LOOP, of_loop=1, **base)
            results.add(row, per_second=per_second, of_loop=per_second / base["per_second"], cpu_ms=cpu_ms)


def main() -> None:
    """Measure all rounds, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--copies", type=int, default=10, help="of each film; default 10")
    parser.add_argument("--seconds", type=float, default=3, help="of each run of the bare loop; default 3")
    parser.add_argument("--films", type=int, help="only so many of the films")
    parser.add_argument("--model", help="NAME/VERSION; default: the store's")
    wanted = parser.parse_args()
    entry, results = find_entry(STORE, wanted.model), Results()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films, kind = find_films(folder)
        films = films[: wanted.films]
        listing, manifest = folder / "listing", folder / "manifest.txt"
        listing.write_text("".join(f"{film}\n" for film in films))
        copies = [folder / f"{number:06d}{film.suffix}" for number, film in enumerate(films * wanted.copies)]
        for copy, film in zip(copies, films * wanted.copies, strict=True):
            copy.symlink_to(film)
        manifest.write_text("".join(f"{copy}\n" for copy in copies))
        command, environment = our_case(entry).start(port := free_port())
        environment |= {"PNEUMOSERVE_MODEL_STORE": str(STORE)}
        with (
            serving(command, port, environment, ROOT, "/readyz"),
            bare_loop(listing, entry.label, granted_cores()) as loop,
        ):
            for number in range(wanted.rounds):
                print(f"round {number + 1} of {wanted.rounds}", file=sys.stderr, flush=True)
                measure(results, loop, manifest, port, environment, wanted.seconds)
    print(f"{entry.label}, {len(copies)} films ({kind}), {granted_cores()} of {os.cpu_count()} cores; medians\n")
    print(write_table(results))


if __name__ == "__main__":
    main()
