"""Full load for half an hour, one request in twenty bad: what grows, what is left, what fails.

    make soak                                     # 30 minutes; writes docs/images/soak.png
    python -m benchmarks.soak --minutes 3 --port 8000 --pid PID     # of a service that runs already

It judges no time: other work may run beside it.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import psutil

from app.inference.artifact import find_entry, list_entries
from app.inference.artifact_writer import set_default
from benchmarks.films import ORIGINALS, ROOT, STORE
from benchmarks.mix import GONE, LOST, Message, Mix, bad_messages, drawn_films, good_messages
from benchmarks.processes import free_port, serving, tree

MOST_GROWTH = 0.05
CLIENTS = 4
_SAMPLE_SECONDS = 5.0
_QUIET_SECONDS = 12.0  # connections stay open for 5 s, slow bodies and discarded ones are over sooner
_FILMS = 24
_GAUGES = {"in_flight": "pneumoserve_in_flight ", "bytes_held": "pneumoserve_bytes_held "}


@dataclass(frozen=True)
class Sample:
    """A process tree at a moment: resident megabytes, counts, and the service's own gauges."""

    seconds: float
    megabytes: float
    threads: int
    files: int
    sockets: int
    children: int
    in_flight: int
    bytes_held: int


def take_sample(pid: int, port: int, begun: float) -> Sample:
    """Return a sample of a service; psutil's AccessDenied where its files belong to somebody else."""
    members = tree(pid)
    memory = threads = files = sockets = 0
    for member in members:
        with suppress(psutil.NoSuchProcess):
            memory += member.memory_info().rss
            threads += member.num_threads()
            files += member.num_fds()
            sockets += len(member.net_connections("all"))
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60, trust_env=False).text.splitlines()
    gauges = {
        name: int(float(next(line for line in metrics if line.startswith(start)).removeprefix(start)))
        for name, start in _GAUGES.items()
    }
    return Sample(time.monotonic() - begun, memory / 1e6, threads, files, sockets, len(members) - 1, **gauges)


@dataclass(frozen=True)
class Soak:
    """What was seen: samples under load, one before and one after it, and answers by kind and status."""

    before: Sample
    samples: Sequence[Sample]
    after: Sample
    answers: Counter[tuple[str, str]]

    def growth(self) -> float:
        """Return by which part memory grew from after the first minutes to the end: medians of a tenth of the time."""
        count = max(1, len(self.samples) // 10)
        first = 2 * count
        base = statistics.median(sample.megabytes for sample in self.samples[first : first + count])
        return statistics.median(sample.megabytes for sample in self.samples[-count:]) / base - 1

    def faults(self) -> list[str]:
        """Return what should not be, in words; none where all is well."""
        faults = [
            f"{count} × {status} to {kind}"
            for (kind, status), count in sorted(self.answers.items())
            if status.startswith("5") or status == LOST
        ]
        if not any(status == "200" for _, status in self.answers):
            faults.append("no answer was 200")
        if self.growth() > MOST_GROWTH:
            faults.append(f"memory grew by {self.growth():.1%}")
        before, after = asdict(self.before), asdict(self.after)
        faults += [
            f"{name}: {after[name]} left, {before[name]} before"
            for name in ("threads", "files", "sockets", "children", "in_flight", "bytes_held")
            if after[name] > before[name]
        ]
        return faults


def run_soak(
    pid: int,
    port: int,
    mix: Mix,
    seconds: float,
    clients: int = CLIENTS,
    meanwhile: AbstractContextManager[object] | None = None,
) -> Soak:
    """Send the mix for so long; every kind once before, so that what is kept for the next film is there."""
    begun, turns, lock = time.monotonic(), itertools.count(), threading.Lock()

    def count(answer: tuple[str, str]) -> None:
        with lock:
            mix.answers[answer] += 1

    def send_until(end: float) -> None:
        while time.monotonic() < end:
            mix.send(next(turns), count)

    def load(length: float) -> list[Sample]:
        end, samples = time.monotonic() + length, []
        senders = [threading.Thread(target=send_until, args=(end,)) for _ in range(clients)]
        for sender in senders:
            sender.start()
        while time.monotonic() < end:
            time.sleep(min(_SAMPLE_SECONDS, seconds / 20))
            samples.append(take_sample(pid, port, begun))
        for sender in senders:
            sender.join()
        return samples

    for message in mix.kinds():
        with ThreadPoolExecutor(clients) as pool:
            for answer in pool.map(lambda _, one=message: (one.kind, one.send(port)), range(clients)):
                count(answer)
    time.sleep(_QUIET_SECONDS)
    before = take_sample(pid, port, begun)
    with meanwhile or nullcontext():
        samples = load(seconds)
    time.sleep(_QUIET_SECONDS)
    return Soak(before, samples, take_sample(pid, port, begun), mix.answers)


def promote(store: Path, label: str, port: int) -> None:
    """Choose an entry, and wait until it serves; TimeoutError after two minutes."""
    set_default(store, label)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        model = httpx.get(f"http://127.0.0.1:{port}/health", timeout=60, trust_env=False).json()["model"]
        if f"{model['name']}/{model['version']}" == label:
            return
        time.sleep(0.2)
    raise TimeoutError(f"Expected {label} to serve within two minutes after it was chosen.")


@contextmanager
def swapping(store: Path, seconds: float, port: int) -> Iterator[None]:
    """Promote the store's entries in turn meanwhile, so often; at the end the one that served first."""
    ended, first = threading.Event(), find_entry(store).label
    labels = itertools.cycle([label for label in list_entries(store) if label != first] + [first])

    def swap() -> None:
        while not ended.wait(seconds):
            set_default(store, next(labels))

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        promote(store, first, port)


def find_messages() -> list[Message]:
    """Return good messages of original films, or drawn ones where there are none; DICOM where it can be written."""
    originals = [path for place in ORIGINALS for path in sorted(place.rglob("*.jpeg"))]
    films = [path.read_bytes() for path in originals[:: max(1, len(originals) // _FILMS)]] or drawn_films()
    dicom = []
    if find_spec("pydicom") and find_spec("imagecodecs") and find_spec("openjpeg"):
        from benchmarks.dicom import make_films

        dicom = [film.data for film in make_films()]
    return good_messages(films, dicom)


def plot(soak: Soak, path: Path) -> None:
    """Draw memory, and threads, files and sockets, over the time."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    minutes = [sample.seconds / 60 for sample in soak.samples]
    figure, (upper, lower) = plt.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    upper.plot(minutes, [sample.megabytes for sample in soak.samples])
    upper.set(ylabel="resident memory, MB", ylim=(0, None))
    for name in ("threads", "files", "sockets", "in_flight"):
        lower.plot(minutes, [getattr(sample, name) for sample in soak.samples], label=name.replace("_", " "))
    lower.set(xlabel="minutes", ylabel="count", ylim=(0, None))
    lower.legend(ncols=4, fontsize="small")
    figure.suptitle(f"{sum(soak.answers.values())} requests, one in twenty bad; memory {soak.growth():+.1%}")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write_report(soak: Soak) -> str:
    """Return the answers by kind, the samples before, at the end of and after the load, and the verdict."""
    kinds: dict[str, Counter[str]] = {}
    for (kind, status), count in soak.answers.items():
        kinds.setdefault(kind, Counter())[status] += count
    lines = [f"{kind:18} {dict(sorted(counts.items()))}" for kind, counts in sorted(kinds.items())]
    for name, sample in (("before", soak.before), ("under load", soak.samples[-1]), ("after", soak.after)):
        fields = {key: round(value) for key, value in asdict(sample).items()}
        lines.append(f"{name:18} {fields}")
    faults = soak.faults()
    verdict = f"FAILED: {'; '.join(faults)}" if faults else "HELD: no 5xx, memory flat, nothing left"
    gone = sum(count for (_, status), count in soak.answers.items() if status == GONE)
    lines.append(f"{sum(soak.answers.values())} requests, {gone} clients gone; memory {soak.growth():+.1%}. {verdict}")
    return "\n".join(lines)


def main() -> None:
    """Soak, print, plot. Status 1 where something failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--plot", type=Path, help="write a picture (PNG)")
    parser.add_argument("--swap-seconds", type=float, default=60, help="promote another model so often; 0: never")
    parser.add_argument("--port", type=int, help="of a service that runs already; with --pid")
    parser.add_argument("--pid", type=int, help="its process")
    arguments = parser.parse_args()
    good = find_messages()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "model_store"
        if arguments.port:
            soak = _run(arguments, arguments.pid, arguments.port, good)
        else:
            shutil.copytree(STORE, store)
            port = free_port()
            command = [sys.executable, "pneumoserve.py", "serve", "--port", str(port)]
            # Drawn films are not to be refused for what they are.
            environment = {**os.environ, "PNEUMOSERVE_MODEL_STORE": str(store), "PNEUMOSERVE_GATE": "flag"}
            environment["PYTHONPATH"] = str(ROOT)
            with serving(command, port, environment, ROOT, "/readyz") as server:
                meanwhile = None
                if arguments.swap_seconds:
                    for label in [*list_entries(store), find_entry(store).label]:
                        promote(store, label, port)
                    meanwhile = swapping(store, arguments.swap_seconds, port)
                soak = _run(arguments, server.process.pid, port, good, meanwhile)
    if arguments.plot:
        plot(soak, arguments.plot)
    print(write_report(soak))
    raise SystemExit(bool(soak.faults()))


def _run(
    arguments: argparse.Namespace,
    pid: int,
    port: int,
    good: Sequence[Message],
    meanwhile: AbstractContextManager[object] | None = None,
) -> Soak:
    mix = Mix(port, good, bad_messages(good[0].body))
    return run_soak(pid, port, mix, 60 * arguments.minutes, arguments.clients, meanwhile)


if __name__ == "__main__":
    main()
