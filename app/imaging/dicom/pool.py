"""Decoding processes: begun when first needed, killed where a file keeps them too long, replaced where one dies."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing import Pipe

from app.errors import DeadlineExceeded, UndecodableImage

REQUESTS_A_PROCESS = 20_000
"""After so many, two a film, a process is replaced, whatever a codec has kept of them; the next film waits for that."""
START_SECONDS = 120.0
WALL_FACTOR = 4
"""Seconds on the clock for each of the CPU's: on a busy machine a sound film must not be refused."""
# How a process ends of its file: of what a codec did, or of its bound of seconds. Any other end is the system's.
_FILM_ENDS = {
    -number for number in (signal.SIGXCPU, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
}
_END_SECONDS = 2.0
_MAX_RECORD_BYTES = 1 << 16
_MODULE = "app.imaging.dicom.worker"


class DecoderPool:
    """As many processes as threads ask at once, each answering one at a time.

    `wall_factor`: seconds on the clock for each of the CPU's.
    """

    def __init__(self, *, wall_factor: float = WALL_FACTOR) -> None:
        self._wall_factor = wall_factor
        self._idle: list[_Decoder] = []
        self._lock = threading.Lock()

    def ask(self, wanted: str, data: bytes, *, seconds: float, pixel_bytes: int = 0) -> tuple[bytes, bytes]:
        """Return a process's record, as JSON, and the pixels, b"" where it refused the file.

        Args:
            wanted: what it is asked for: `header` or `film`.
            data: the file.
            seconds: of CPU that it may take.
            pixel_bytes: how many bytes of pixels a film has; 0: none are wanted.

        Raises:
            UndecodableImage: the file crashed the process or took its seconds of CPU.
            DeadlineExceeded: two processes, one after the other, were killed, or had no answer in time on the clock.
            RuntimeError: no process can be started, or two ended by themselves.
        """
        status: int | None = None
        for begin in (self._take, _Decoder):
            decoder = begin()
            try:
                answer = decoder.ask(wanted, data, seconds, pixel_bytes, self._wall_factor * seconds)
            except BaseException as error:
                if not isinstance(error, (EOFError, OSError)):
                    decoder.kill()
                    raise
                status = decoder.find_end()
            else:
                self._give_back(decoder)
                return answer
            if status in _FILM_ENDS:
                raise UndecodableImage(
                    f"Expected a DICOM file that is read within {seconds:.0f} s. Received one that takes longer, or "
                    "that a decoder cannot bear."
                )
        if status == -signal.SIGKILL:
            raise DeadlineExceeded("Two decoding processes were killed, or had too little of the CPU. Try again later.")
        raise RuntimeError(f"Expected {_MODULE} to answer. Received exit status {status}.")

    def _give_back(self, decoder: _Decoder) -> None:
        if decoder.answered >= REQUESTS_A_PROCESS:
            decoder.kill()
            return
        with self._lock:
            self._idle.append(decoder)

    def _take(self) -> _Decoder:
        while True:
            with self._lock:
                decoder = self._idle.pop() if self._idle else None
            if decoder is None:
                return _Decoder()
            if decoder.is_alive:
                return decoder
            decoder.kill()

    def close(self) -> None:
        """End the processes that wait for work."""
        with self._lock:
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.kill()


class _Decoder:
    """One process, and the connection to it."""

    def __init__(self) -> None:
        self.answered = 0
        self._connection, theirs = Pipe()
        # None of the service's settings, which hold keys.
        environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PATH", "LANG") if name in os.environ}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, under this interpreter
                [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        try:
            with self._deadline(START_SECONDS):
                self._connection.recv_bytes(_MAX_RECORD_BYTES)
        except (EOFError, OSError) as error:
            raise RuntimeError(f"Expected {_MODULE} to start. Received exit status {self.find_end()}.") from error

    def ask(
        self, wanted: str, data: bytes, seconds: float, pixel_bytes: int, wall_seconds: float
    ) -> tuple[bytes, bytes]:
        """Return the record and the pixels; EOFError or OSError where the process ended."""
        self.answered += 1
        with self._deadline(wall_seconds):
            self._connection.send_bytes(f"{wanted} {seconds} {pixel_bytes}".encode())
            self._connection.send_bytes(data)
            record = self._connection.recv_bytes(_MAX_RECORD_BYTES)
            has_pixels = pixel_bytes and not record.startswith(b'{"error"')
            return record, self._connection.recv_bytes(pixel_bytes) if has_pixels else b""

    @property
    def is_alive(self) -> bool:
        """Whether the process runs: the kernel may have ended one that waited."""
        return self._process.poll() is None

    def find_end(self) -> int:
        """Return the exit status of a process that is ending; one that does not is killed."""
        # Python closes the connection a moment before it exits.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.kill()
        return self._process.returncode

    def kill(self) -> None:
        """End the process at once."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _deadline(self, seconds: float) -> _Deadline:
        return _Deadline(self._process, seconds)


class _Deadline:
    """Kills a process that is not done in time: its end of the connection closes."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._timer = threading.Timer(seconds, process.kill)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()


POOL = DecoderPool()
"""The processes of this process; none before the first DICOM file."""
atexit.register(POOL.close)
