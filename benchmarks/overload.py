"""What becomes of the service at ten times the load that it can serve.

    make bench-overload            # about 6 minutes; writes benchmarks/OVERLOAD.md

On two or more cores the service keeps all but the last, which is the load generators': they would take what they
measure. `PNEUMOSERVE_…` variables set the service.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.films import ROOT, STORE, draw_film, encode, find_films
from benchmarks.load import Load, run_wrk
from benchmarks.processes import Server, bound_to_us, free_port, peak_megabytes, serving

RESULTS = Path(__file__).with_name("OVERLOAD.md")
TIMES = 10
SLOW_SENDERS = 50
CLIENTS = 32
_SETTLE_SECONDS = 1.0
_GONE = 48
_TIME, _STATUS, _LATENCY, _RETRY, _SENT, _TRIES, _SIZE = range(7)


@dataclass(frozen=True)
class Row:
    """A line of the table; `is_held` is None where nothing was wanted."""

    name: str
    found: str
    wanted: str = ""
    is_held: bool | None = None

    def __str__(self) -> str:
        verdict = {None: "", True: "held", False: "**missed**"}[self.is_held]
        return f"| {self.name} | {self.found} | {self.wanted} | {verdict} |"


@dataclass
class Overload:
    """A running service, the films sent, and how long a phase takes."""

    server: Server
    listing: Path
    seconds: float
    rounds: int
    rows: list[Row]

    def peak(self) -> float:
        """Return films answered a second by a closed loop."""
        begun = time.perf_counter()
        answered = run_wrk(self.server.port, self.listing, Load(clients=CLIENTS), self.seconds).requests
        return answered / (time.perf_counter() - begun)

    def flood(self, rate: float, seconds: float, *options: str) -> tuple[NDArray[np.float64], float, float]:
        """Send films at a rate; return the answers (see `flood.Report`), the generator's CPU seconds and lateness."""
        command = [sys.executable, "-m", "benchmarks.flood", "--port", str(self.server.port), "--rate", str(rate)]
        command += ["--seconds", str(seconds), "--listing", str(self.listing), *options]
        printed = subprocess.run(bound_to_us(command), capture_output=True, text=True, check=True).stdout  # noqa: S603
        report = json.loads(printed)
        return np.array(report["answers"], np.float64), report["cpu_seconds"], report["late_seconds"]

    def measure_flood(self, name: str, *options: str) -> None:
        """Measure ten times the peak some times over, each between two measurements of it."""
        rates, ratios, spent, sent, late = [self.peak()], [], np.zeros(3), 0.0, 0.0
        answers = np.empty((0, 7))
        for _ in range(self.rounds):
            cpu, thread = self.server.cpu_seconds(), self.server.main_thread_seconds()
            rate = TIMES * rates[-1]
            found, own_cpu, round_late = self.flood(rate, self.seconds + _SETTLE_SECONDS, *options)
            spent += self.server.cpu_seconds() - cpu, self.server.main_thread_seconds() - thread, own_cpu
            sent, late, answers = sent + rate / self.rounds, max(late, round_late), np.vstack([answers, found])
            rates.append(self.peak())
            inside = (found[:, _TIME] > _SETTLE_SECONDS) & (found[:, _TIME] < self.seconds + _SETTLE_SECONDS)
            good = (found[inside, _STATUS] == 200).sum() / self.seconds
            ratios.append(good / ((rates[-2] + rates[-1]) / 2))
        refused = answers[answers[:, _STATUS] == 429]
        counts = {int(status): int((answers[:, _STATUS] == status).sum()) for status in np.unique(answers[:, _STATUS])}
        others = {status: count for status, count in counts.items() if status not in (200, 429)}
        p50, p99 = 1e3 * np.percentile(refused[:, _LATENCY], (50, 99), method="higher")
        kept = float(np.median(ratios))
        # A service that refuses after the body keeps the films that come faster: more of them, but small ones.
        size = answers[answers[:, _STATUS] == 200][:, _SIZE].mean() / answers[:, _SIZE].mean()
        self.rows += [
            Row(f"{name}: peaks; sent", f"{_list(rates, '.1f')}; {sent:.0f} films/s"),
            Row("good answers ÷ peak, median", f"{kept:.2f} ({_list(ratios, '.2f')})", "≥ 0.90", kept >= 0.9),
            Row("bytes of a film answered ÷ of a film sent, mean", f"{size:.2f}"),
            Row(
                "429 after the head, median and 99th percentile",
                f"{p50:.1f}, {p99:.1f} ms",
                "≤ 100 ms",
                bool(p99 <= 100),
            ),
            Row("body sent when 429 came, mean", f"{refused[:, _SENT].mean():.0%}"),
            Row("`Retry-After`", f"{refused[:, _RETRY].min():.0f} to {refused[:, _RETRY].max():.0f} s"),
            Row("answers by status; neither 200 nor 429", f"{counts}; {others or 'none'}", "none", not others),
            Row(
                "CPU s of the service, of it event loop; of the generator",
                f"{spent[0]:.1f}, {spent[1]:.1f}; {spent[2]:.1f}",
            ),
            Row("films sent later than due, at most", f"{1e3 * late:.0f} ms"),
        ]

    def measure_obedience(self) -> None:
        """Measure a second of ten times the peak, whose clients come again when `Retry-After` says so."""
        peak = self.peak()
        answers, _, _ = self.flood(TIMES * peak, 1.0, "--obeys")
        served = answers[answers[:, _STATUS] == 200]
        films, spent = int(TIMES * peak), answers[:, _TIME].max()
        tries = np.percentile(served[:, _TRIES], (50, 99), method="higher")
        self.rows += [
            Row("clients that obey `Retry-After`: served", f"{len(served)} of {films}", "all", len(served) == films),
            Row("tries, median and 99th percentile", f"{tries[0]:.0f}, {tries[1]:.0f}"),
            Row("time for all, beside that at the peak", f"{spent:.1f} s, {films / peak:.1f} s"),
        ]

    def measure_slow_senders(self) -> None:
        """Measure the peak beside clients that send a byte a second of a body, or of a head."""
        before = self.peak()
        with trickling(self.server.port, SLOW_SENDERS):
            beside = self.peak()
        after = self.peak()
        cost = 1 - beside / ((before + after) / 2)
        self.rows.append(Row(f"films/s that {SLOW_SENDERS} slow senders cost", f"{cost:.0%}", "≤ 20 %", cost <= 0.2))

    def measure_gone(self) -> None:
        """Send whole large films, hang up, and measure what is still done for them."""
        film = encode(draw_film(1, 16e6), 90)
        with httpx.Client(base_url=f"http://127.0.0.1:{self.server.port}", timeout=60) as client:
            begun = self.server.cpu_seconds()
            for _ in range(4):
                client.post("/explain?gate=off", content=film).raise_for_status()
            each = (self.server.cpu_seconds() - begun) / 4
            gone = _outcome(client, "client-gone")
            begun = self.server.cpu_seconds()
            for connection in [_send(self.server.port, film) for _ in range(_GONE)]:
                connection.close()
            self.server.wait_until_idle(30)
            spent = self.server.cpu_seconds() - begun
            gone = _outcome(client, "client-gone") - gone
        self.rows += [
            Row("films whose clients hung up; counted as such", f"{_GONE}; {gone}"),
            Row(
                "CPU that they cost ÷ that of answers",
                f"{spent / (each * _GONE):.2f}",
                "≤ 0.5",
                spent <= 0.5 * each * _GONE,
            ),
        ]


@contextmanager
def trickling(port: int, count: int) -> Iterator[None]:
    """Send a byte a second on each of `count` connections meanwhile; those that are closed are opened again."""
    ended = threading.Event()

    def trickle() -> None:
        connections: list[socket.socket] = []
        while not ended.wait(1.0):
            while len(connections) < count:
                connections.append(socket.create_connection(("127.0.0.1", port)))
                if len(connections) % 2:
                    connections[-1].sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
                else:
                    connections[-1].sendall(b"POST /predict HTTP/1.1\r\nX: ")
            for connection in [*connections]:
                try:
                    connection.send(b"x")
                except OSError:
                    connection.close()
                    connections.remove(connection)
        for connection in connections:
            connection.close()

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _send(port: int, film: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    head = f"POST /explain?gate=off HTTP/1.1\r\nHost: x\r\nContent-Length: {len(film)}\r\n\r\n"
    connection.sendall(head.encode() + film)
    return connection


def _list(numbers: Sequence[float], form: str) -> str:
    return ", ".join(format(number, form) for number in numbers)


def _outcome(client: httpx.Client, name: str) -> int:
    start = f'pneumoserve_requests_total{{outcome="{name}"}} '
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(start)]
    return int(float(lines[0].removeprefix(start))) if lines else 0


def main() -> None:
    """Measure, print and write. Status 1 where something was missed, 2 without wrk."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of a phase; default 10")
    parser.add_argument("--rounds", type=int, default=5, help="floods of each kind; default 5")
    parser.add_argument("--shared", action="store_true", help="let service and generators share all cores")
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: OVERLOAD.md")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk, the load generator, is not installed. Debian and Ubuntu: sudo apt-get install wrk")
        raise SystemExit(2)
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        films, kind = find_films(Path(folder))
        listing = Path(folder) / "listing"
        listing.write_text("".join(f"{film}\n" for film in films))
        placed = "on all cores" if arguments.shared else "on its own cores"
        with _service(share=arguments.shared) as server:
            overload = Overload(server, listing, arguments.seconds, arguments.rounds, [])
            overload.peak()  # warms
            overload.measure_flood("clients that stop at 429")
            overload.measure_flood("clients that send whole bodies first", "--plain")
            overload.measure_obedience()
            overload.measure_slow_senders()
            overload.measure_gone()
            memory = peak_megabytes(server.process.pid)
        overload.rows.append(Row("memory of the service, peak", f"{memory:.0f} MB", "≤ 512 MB", memory <= 512))
    report = write_report(overload.rows, f"{len(films)} {kind}; {CLIENTS} clients at the peak; the service {placed}")
    print(report)
    arguments.out.write_text(report)
    raise SystemExit(any(row.is_held is False for row in overload.rows))


@contextmanager
def _service(*, share: bool) -> Iterator[Server]:
    """Start the service; without `share` it and this process, with all that it starts, have cores of their own."""
    port, cores = free_port(), sorted(os.sched_getaffinity(0))
    command = [sys.executable, "pneumoserve.py", "serve", "--port", str(port)]
    if not share and len(cores) > 1:
        command = ["taskset", "-c", ",".join(map(str, cores[:-1])), *command]
        os.sched_setaffinity(0, cores[-1:])
    environment = {"PNEUMOSERVE_MODEL_STORE": str(STORE), **os.environ, "PYTHONPATH": str(ROOT)}
    with serving(command, port, environment, ROOT, "/readyz") as server:
        yield server


def write_report(rows: Sequence[Row], conditions: str) -> str:
    """Return the report as Markdown."""
    lines = "\n".join(map(str, rows))
    date, cores = f"{datetime.now(UTC):%Y-%m-%d}", os.cpu_count()
    return (
        "# Overload\n\nOne run of `make bench-overload`, which replaces this page.\n\n"
        f"- {platform.machine()}, {cores} cores; {date}\n- {conditions}\n\n"
        f"| | found | wanted | |\n| --- | --- | --- | --- |\n{lines}\n"
    )


if __name__ == "__main__":
    main()
