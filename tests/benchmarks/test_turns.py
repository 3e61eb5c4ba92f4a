"""Servers take turns with the bare loop; one of them runs at a time, and all run on afterwards."""

import shutil
import sys
import time

import psutil
import pytest

from benchmarks.load import Load, LoadFailed
from benchmarks.processes import free_port, serving
from benchmarks.turns import Bench, Entrant, probing

SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(sys.argv[2]) if self.command == "POST" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, the load generator, is not installed")


@pytest.fixture
def start(tmp_path):
    """Return what starts a server that answers films with a status."""

    def serve(status=200):
        port = free_port()
        return serving([sys.executable, "-c", SERVER, str(port), str(status)], port, {}, tmp_path, "/")

    return serve


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def states(servers):
    return {psutil.Process(server.process.pid).status() for server in servers}


class Loop:
    """A bare loop of 100 films a second that waits until all servers are stopped."""

    def __init__(self, *servers):
        self.process = psutil.Process()
        self.servers = servers

    def run(self, seconds):
        wait_for(lambda: states(self.servers) == {psutil.STATUS_STOPPED})
        return {"per_second": 100.0, "median_ms": 10.0, "p99_ms": 20.0, "cpu_ms": 9.0, "infer_share": 0.5}


def make_bench(folder):
    film = folder / "film.jpeg"
    film.write_bytes(b"film")
    return Bench([film], folder, turns=2, seconds=0.2, say=lambda _: None)


@pytest.mark.long
@needs_wrk
def test_every_turn_is_measured_while_all_others_are_stopped(start, tmp_path):
    bench = make_bench(tmp_path)
    with start() as one, start() as other:
        entrants = [Entrant("one", one, Load("raw", 2)), Entrant("other", other, Load("multipart", 2))]
        bench.compare(Loop(one, other), "loop", entrants)
        wait_for(lambda: psutil.STATUS_STOPPED not in states([one, other]))
    for row in ("one", "other"):
        rates = bench.results.each(row, "per_second")
        assert len(rates) == 2
        assert bench.results.each(row, "of_loop") == [rate / 100 for rate in rates]
        assert len(bench.results.each(row, "livez_p99_ms")) == 1
    assert bench.results.each("loop", "per_second") == [100, 100]


@needs_wrk
def test_an_answer_that_is_not_200_ends_the_measurement(start, tmp_path):
    with start(status=503) as server, pytest.raises(LoadFailed, match="status 200"):
        make_bench(tmp_path).compare(Loop(server), "loop", [Entrant("one", server)])


def test_a_probe_without_an_answer_took_for_ever():
    with probing(free_port()) as waits:
        wait_for(lambda: waits)
    assert set(waits) == {float("inf")}
