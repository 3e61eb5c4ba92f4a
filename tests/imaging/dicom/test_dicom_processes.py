"""Decoding processes: bounded, replaced, and not taken for the film's fault where the system ends them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import imagecodecs
import numpy as np
import psutil
import pytest
from pydicom import uid

from app.errors import DeadlineExceeded, UndecodableImage
from app.imaging.dicom.pool import DecoderPool
from app.imaging.large_films import LARGE_FILM_BYTES
from app.imaging.preprocess import inspect_film, read_film
from tests.conftest import film_pixels
from tests.imaging.dicom.made import compressed, make_film

ROOT = Path(__file__).parents[3]
NOISE = np.random.default_rng(3).integers(0, 1 << 16, (1500, 2000), np.uint16)
PATIENT = 5000
"""Seconds on the clock for each of the CPU's, where the machine's load must not matter."""


@pytest.fixture(scope="module")
def slow() -> bytes:
    """Return a film that takes seconds to decode."""
    stream = imagecodecs.jpeg2k_encode(NOISE, codecformat="j2k", reversible=True, bitspersample=16)
    return compressed(bytes(stream), NOISE, 16, uid.JPEG2000Lossless)


@contextmanager
def opened(wall_factor: float = PATIENT) -> Iterator[DecoderPool]:
    pool = DecoderPool(wall_factor=wall_factor)
    try:
        yield pool
    finally:
        pool.close()


def read(data: bytes) -> np.ndarray:
    return read_film(data, width=150, height=150).pixels


def run_alone(code: str) -> subprocess.CompletedProcess[bytes]:
    """Run code in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
        capture_output=True,
    )


def children() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # one of another test, which is ending
            if "app.imaging.dicom.worker" in child.cmdline():
                found.append(child)
    return found


def test_a_film_that_keeps_a_process_too_long_ends_it_and_the_next_is_read(slow: bytes) -> None:
    """The film is at fault, not the system: it took the CPU."""
    with opened() as pool:
        pool.ask("header", make_film(), seconds=20)
        with pytest.raises(UndecodableImage, match="takes longer"):
            pool.ask("film", slow, seconds=0.02, pixel_bytes=NOISE.size)
        record, pixels = pool.ask("film", make_film(), seconds=20, pixel_bytes=300 * 400)
    assert len(pixels) == 300 * 400
    assert b"error" not in record


@contextmanager
def stopped(pool: DecoderPool, *, then: signal.Signals | None = None) -> Iterator[None]:
    """Hold the pool's process still; send it a signal while it should answer."""
    known = set(children())
    pool.ask("header", make_film(), seconds=20)
    (child,) = set(children()) - known
    child.suspend()

    def end() -> None:
        if then is not None:
            child.send_signal(then)
            child.resume()

    timer = threading.Timer(0.3, end)
    timer.start()
    try:
        yield
    finally:
        timer.join()
    assert not child.is_running()


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGSEGV,
        signal.SIGABRT,
        *(pytest.param(one, marks=pytest.mark.long) for one in (signal.SIGBUS, signal.SIGILL, signal.SIGFPE)),
    ],
)
def test_a_film_that_crashes_a_process_is_at_fault(number: signal.Signals) -> None:
    with opened() as pool, stopped(pool, then=number), pytest.raises(UndecodableImage, match="cannot bear"):
        pool.ask("header", make_film(), seconds=20)


@pytest.mark.parametrize("then", [signal.SIGKILL, pytest.param(None, marks=pytest.mark.long)])
def test_a_film_whose_process_the_system_ends_is_read_by_another(then: signal.Signals | None) -> None:
    """Short of memory, or where the process stands still."""
    with opened(wall_factor=0.2) as pool, stopped(pool, then=then):
        record, _ = pool.ask("header", make_film(), seconds=20)
    assert b"error" not in record


def test_a_film_that_two_processes_had_no_time_for_is_refused_for_now(slow: bytes) -> None:
    """It may be sound: the service had too little of the CPU."""
    with opened(wall_factor=0.001) as pool, pytest.raises(DeadlineExceeded, match="Try again later"):
        pool.ask("film", slow, seconds=20, pixel_bytes=NOISE.size)


def test_a_process_that_fails_by_itself_is_the_services_fault() -> None:
    """As one whose limit cannot be set."""
    with opened(wall_factor=1e-299) as pool, pytest.raises(RuntimeError, match="Received exit status 1"):
        pool.ask("header", make_film(), seconds=1e300)


def test_pixels_of_another_number_than_the_headers_are_refused() -> None:
    with opened() as pool:
        record, pixels = pool.ask("film", make_film(), seconds=20, pixel_bytes=300 * 400 - 1)
    assert b"Received 120000" in record
    assert pixels == b""


def test_limits_stay_under_the_systems() -> None:
    """Which only a privileged process may raise."""
    code = """if True:
        import resource
        from app.imaging.dicom.worker import _allow_memory, _allow_seconds
        kinds = (resource.RLIMIT_AS, 1 << 40), (resource.RLIMIT_CPU, 1000)
        for kind, hard in kinds:
            resource.setrlimit(kind, (hard, hard))
        _allow_memory(1 << 30)
        _allow_seconds(10)
        below = [resource.getrlimit(kind)[0] < hard for kind, hard in kinds]
        _allow_memory(1 << 41)
        _allow_seconds(2000)
        print(below, all(resource.getrlimit(kind) == (hard, hard) for kind, hard in kinds))
    """
    done = run_alone(code)
    assert done.stdout == b"[True, True] True\n"


def test_eight_bit_films_of_the_largest_size_are_decoded_one_at_a_time() -> None:
    """Codecs work in wider samples than the file's; pixels that are not square are more in the end."""
    assert inspect_film(make_film(Rows=7000, Columns=7000)).decoded_bytes > LARGE_FILM_BYTES
    oblong = make_film(Rows=3500, Columns=7000, PixelAspectRatio=["2", "1"])
    assert inspect_film(oblong).decoded_bytes > LARGE_FILM_BYTES


def test_a_process_that_computes_too_long_is_ended_by_the_kernel() -> None:
    """Should the parent's clock stand still."""
    code = """if True:
        from app.imaging.dicom.worker import _allow_seconds
        _allow_seconds(0.1)
        while True:
            pass
    """
    done = run_alone(code)
    assert done.returncode == -signal.SIGXCPU


def test_a_process_gets_no_more_memory_than_it_was_allowed() -> None:
    code = """if True:
        from app.imaging.dicom.worker import _allow_memory
        _allow_memory(64 << 20)
        held = bytes(32 << 20)
        try:
            bytes(256 << 20)
        except MemoryError:
            print("refused")
    """
    done = run_alone(code)
    assert done.stdout == b"refused\n"


def test_a_process_that_died_while_it_waited_is_replaced() -> None:
    """As by the kernel, short of memory."""
    read(make_film())
    for child in children():
        child.kill()
        child.wait()
    read(make_film())
    assert children()


def test_threads_share_no_process() -> None:
    """Each gets its own film's pixels."""
    films = [make_film(film_pixels(seed)) for seed in range(4)]
    expected = [read(film) for film in films]
    found: dict[int, list[np.ndarray]] = {}

    def work(number: int) -> None:
        found[number] = [read(films[number]) for _ in range(10)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((pixels == expected[number]).all() for number in range(4) for pixels in found[number])


def test_the_processes_end_with_their_parent(tmp_path: Path) -> None:
    """Even one that is killed."""
    (tmp_path / "film.dcm").write_bytes(make_film())
    code = """if True:
        import sys, time
        from app.imaging.formats import read_header
        read_header(open(sys.argv[1], "rb").read())
        print("read", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "film.dcm"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"read\n"
        workers = psutil.Process(parent.pid).children()
        parent.kill()
    assert workers
    assert psutil.wait_procs(workers, timeout=20)[1] == []


def test_a_process_knows_none_of_the_services_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold keys."""
    monkeypatch.setenv("PNEUMOSERVE_API_KEYS", "name:secret")
    pool = DecoderPool()
    known = set(children())
    pool.ask("header", make_film(), seconds=20)
    try:
        (worker,) = set(children()) - known
        assert "PNEUMOSERVE_API_KEYS" not in worker.environ()
    finally:
        pool.close()
