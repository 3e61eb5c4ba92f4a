"""What `pneumoserve score` leaves of the service's throughput, beside a plain load generator on the same cores.

    python benchmarks/score.py FOLDER [--rounds 3]

starts the service, then lets wrk and `score` send the same films (raw body, 8 connections) in turns, and prints films a
second of each, their ratio round by round, and the CPU time of each client. Needs wrk (Debian: apt-get install wrk).
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

CONNECTIONS = 8
LUA = """
local films = {{}}
local headers = {{["Host"] = "127.0.0.1", ["Content-Type"] = "application/octet-stream"}}
for line in io.lines("{listing}") do
  local file = assert(io.open(line, "rb"))
  films[#films + 1] = wrk.format("POST", "/predict", headers, file:read("*a"))
  file:close()
end
local turn = 0
request = function() turn = turn % #films + 1; return films[turn] end
local wrong = 0
response = function(status) if status ~= 200 then wrong = wrong + 1 end end
"""


def run_wrk(url: str, listing: Path, seconds: float, folder: Path) -> tuple[float, float]:
    """Answer (films a second, CPU milliseconds a film) of wrk."""
    script = folder / "films.lua"
    script.write_text(LUA.format(listing=listing))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--timeout", "30s", "-s", str(script), url]
    spent, told = run_timed(command)
    if "Non-2xx" in told:
        raise SystemExit(f"The service refused films:\n{told}")
    (sent,) = _find(r"(\d+) requests in", told)
    (per_second,) = _find(r"Requests/sec:\s+([\d.]+)", told)
    return float(per_second), 1e3 * spent / int(sent)


def _find(pattern: str, told: str) -> tuple[str, ...]:
    found = re.search(pattern, told)
    if found is None:
        raise SystemExit(f"Expected {pattern!r} in what was printed. Received:\n{told}")
    return found.groups()


def run_score(url: str, films: Path, count: int, folder: Path) -> tuple[float, float]:
    """Answer (films a second, CPU milliseconds a film) of the scoring client, as it tells the first itself."""
    out = folder / "result.csv"
    command = [sys.executable, "pneumoserve.py", "score", str(films), "--url", url, "--out", str(out), "--restart"]
    spent, told = run_timed(command)
    sent, seconds = _find(r"(\d+) sent in ([\d.]+) s", told)
    if int(sent) != count:
        raise SystemExit(f"Expected {count} films sent. Received:\n{told}")
    return count / float(seconds), 1e3 * spent / count


def run_timed(command: list[str]) -> tuple[float, str]:
    """Run a command; answer its CPU seconds and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  # our own words
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ended.stdout


def wait_ready(url: str) -> None:
    """Wait until the service is ready."""
    for _ in range(300):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("The service did not become ready in 30 s.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of films; they are linked so often that a round takes long enough")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed. Debian and Ubuntu: apt-get install wrk.")
    films = sorted(path.resolve() for path in arguments.folder.rglob("*") if path.suffix in (".jpeg", ".jpg", ".png"))
    url = f"http://127.0.0.1:{arguments.port}"
    environment = {**os.environ, "PNEUMOSERVE_PORT": str(arguments.port)}
    server = subprocess.Popen(  # our own command
        [sys.executable, "pneumoserve.py", "serve"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_ready(url)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            many = folder / "films"
            many.mkdir()
            for copy in range(max(1, 1500 // len(films))):
                for film in films:
                    (many / f"{copy:03d}-{film.name}").symlink_to(film)
            listing = folder / "listing"
            listing.write_text("".join(f"{film}\n" for film in films))
            count = len(list(many.iterdir()))
            run_wrk(url, listing, 3, folder)
            print(f"{len(films)} films, {count} a round, {CONNECTIONS} connections, {os.cpu_count()} cores")
            ratios = []
            for number in range(1, arguments.rounds + 1):
                plain, plain_cpu = run_wrk(url, listing, 15, folder)
                ours, our_cpu = run_score(url, many, count, folder)
                ratios.append(ours / plain)
                print(
                    f"round {number}: wrk {plain:.1f} films/s ({plain_cpu:.2f} ms CPU a film), "
                    f"score {ours:.1f} ({our_cpu:.2f}); score / wrk {ratios[-1]:.3f}"
                )
            print(f"median of score / wrk: {statistics.median(ratios):.3f}")
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main()
