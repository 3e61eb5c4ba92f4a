"""How speed and memory grow with clients, with the size of films and with requests: one table, printed.

make bench-growth
"""

from __future__ import annotations

from app.inference.artifact import Entry, find_entry
from app.process import granted_cores
from benchmarks.cases import our_case
from benchmarks.films import STORE, draw_film, encode
from benchmarks.limit import bare_loop
from benchmarks.load import Load, run_wrk
from benchmarks.processes import peak_megabytes
from benchmarks.results import write_table
from benchmarks.turns import Bench, Entrant, open_bench

CLIENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MEGAPIXELS = (0.1, 0.3, 1, 3, 10, 30, 50)
REQUESTS = 100_000
_QUALITY = 78  # of JPEG: 0.1 bytes a pixel


def grow_clients(bench: Bench, entry: Entry) -> None:
    """Measure 1 to 256 clients on one start of a server; by default it refuses from the 65th on."""
    case = our_case(entry, max_in_flight=512, max_reading=512, max_bytes_held=2**31)
    with bare_loop(bench.listing, entry.label, granted_cores()) as loop, bench.standing(case) as server:
        for clients in CLIENTS:
            bench.compare(loop, "bare loop", [Entrant(f"clients: {clients}", server, Load("raw", clients))])


def grow_size(bench: Bench, entry: Entry) -> None:
    """Measure drawn films of each size, by as many clients as there are cores."""
    load = Load("raw", granted_cores())
    for megapixels in MEGAPIXELS:
        row, sized = f"megapixels: {megapixels:g}", draw(bench, megapixels)
        with bare_loop(sized.listing, entry.label, load.clients) as loop, sized.standing(our_case(entry)) as server:
            sized.compare(loop, f"bare loop, {row}", [Entrant(row, server, load)])


def grow_requests(bench: Bench, entry: Entry) -> None:
    """Send small films again and again, and read the peak of the server's memory in between."""
    small, sent = draw(bench, min(MEGAPIXELS) / 2), 0
    with small.standing(our_case(entry)) as server:
        while sent < REQUESTS:
            sent += run_wrk(server.port, small.listing, Load("raw", 8), 30).requests
            bench.results.add(f"requests: {sent:,}", peak_mb=peak_megabytes(server.process.pid))


def draw(bench: Bench, megapixels: float) -> Bench:
    """Return a bench that sends four drawn films of a size, and adds to the same results."""
    folder = bench.folder / f"{megapixels:g}"
    folder.mkdir()
    films = [folder / f"film-{seed}.jpeg" for seed in range(4)]
    for seed, film in enumerate(films):
        film.write_bytes(encode(draw_film(seed, 1e6 * megapixels), _QUALITY))
    return Bench(films, folder, bench.turns, bench.seconds, bench.say, bench.results)


if __name__ == "__main__":
    with open_bench(turns=3, seconds=2) as opened:
        for grow in (grow_clients, grow_size, grow_requests):
            grow(opened, find_entry(STORE, None))
    print(write_table(opened.results))
