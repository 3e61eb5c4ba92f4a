"""How fast the service is: beside the bare loop and other servers, or beside another commit of itself.

    make bench                     # PEERS=1 adds LitServe and BentoML; writes benchmarks/RESULTS.md
    make bench AGAINST=45edff4     # that commit and today's in turns

Every round starts every server anew, loads it in turns with the bare loop, and checks all answers.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from app.inference.artifact import find_entry
from app.process import granted_cores
from benchmarks.against import add_ratios, checked_out, checks_against, measure_against
from benchmarks.checks import ARTICLE, checks_of_service
from benchmarks.dicom import measure_dicom
from benchmarks.films import STORE
from benchmarks.results import Check, write_table
from benchmarks.service import measure_rivals, measure_service
from benchmarks.turns import Bench, open_bench

RESULTS, PEERS = (Path(__file__).with_name(name) for name in ("RESULTS.md", "peers.txt"))
_PACKAGES = ("openvino", "opencv-python-headless", "simplejpeg", "numpy", "fastapi", "uvicorn", "h11", "tensorflow")
_REPORT = """\
# {title}

- {cpu}, {cores} of {all_cores} cores granted; {date:%Y-%m-%d}
- {versions}
- {model}, unless a row names another; {films} films
- every answer was right: 200, the bare loop's class, its probability within {difference:.1g}

Medians; 32 clients unless named. Films/s and CPU (of all processes) are of turns of {seconds:g} s. `÷ bare loop`
divides by the bare loop before and after the turn (one client: of one thread). Latencies are of loads of at least
{load_seconds:g} s. The event loop is the main thread, but not for LitServe and BentoML. Peak memory adds up the peaks
of all processes; the bare loop's holds every film. The load generator shares the cores.

{table}
## Checks

{checks}
"""


def main() -> None:
    """Measure, print and write. Status 1 for a wrong answer, 2 without wrk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", metavar="COMMIT", help="measure this commit and today's instead")
    parser.add_argument("--rounds", type=int, help="starts of each server; default 3, with --against 4")
    parser.add_argument("--turns", type=int, default=3, help="of each server in a round; default 3")
    parser.add_argument("--seconds", type=float, default=2, help="of a turn; default 2")
    parser.add_argument("--model", help="NAME/VERSION; default: the store's, and the article's beside other servers")
    parser.add_argument("--films", type=int, help="only so many of the films")
    parser.add_argument("--peers", type=Path, metavar="BIN", help="programs of LitServe's and BentoML's environment")
    parser.add_argument("--out", type=Path, help="default: RESULTS.md; with --against none")
    arguments = parser.parse_args()
    with open_bench(turns=arguments.turns, seconds=arguments.seconds, most_films=arguments.films) as bench:
        report = write_report(bench, measure(bench, arguments), arguments)
    print(report)
    if out := arguments.out or (None if arguments.against else RESULTS):
        out.write_text(report)


def measure(bench: Bench, arguments: argparse.Namespace) -> list[Check]:
    """Measure all rounds; return the checks."""
    model, commit = arguments.model, arguments.against
    rounds = range(arguments.rounds or (4 if commit else 3))
    if commit:
        with checked_out(commit) as tree:
            for _ in rounds:
                measure_against(bench, commit, tree, model)
        add_ratios(bench.results, commit)
        return checks_against(bench.results, commit)
    entry = find_entry(STORE, model)
    for _ in rounds:
        measure_service(bench, entry)
        measure_dicom(bench, entry)
        for name in dict.fromkeys([entry.label, model or ARTICLE]):
            measure_rivals(bench, find_entry(STORE, name), arguments.peers)
    return checks_of_service(bench.results, entry.label)


def write_report(bench: Bench, checks: Sequence[Check], arguments: argparse.Namespace) -> str:
    """Return the report as Markdown: machine, table, checks."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    peers = re.findall(r"^(?:litserve|bentoml)==\S+", PEERS.read_text(), re.MULTILINE) if arguments.peers else []
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()  # noqa: S607
    versions = [f"Python {platform.python_version()}", *(f"{package} {version(package)}" for package in _PACKAGES)]
    return _REPORT.format(
        title=f"{arguments.against} and today" if arguments.against else "Results",
        cpu=cpu[1] if cpu else platform.machine(),
        cores=granted_cores(),
        all_cores=os.cpu_count(),
        date=datetime.now(UTC),
        versions=", ".join([*versions, " ".join(wrk[:2]), *peers]),
        model=find_entry(STORE, arguments.model).label,
        films=len(bench.films),
        difference=bench.largest_difference,
        seconds=bench.seconds,
        load_seconds=2 * bench.seconds,
        table=write_table(bench.results),
        checks="\n".join(map(str, checks)),
    )


if __name__ == "__main__":
    main()
