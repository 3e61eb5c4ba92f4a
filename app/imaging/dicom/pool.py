"""Decoding processes: begun when first needed, killed where a file keeps them too long, replaced where one dies."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from multiprocessing import Pipe

from app.errors import UndecodableImage

FILMS_A_PROCESS = 1000
"""After so many a process is replaced, whatever a codec has kept of them."""
START_SECONDS = 120.0
WALL_FACTOR = 4
"""Seconds on the clock for each of the CPU's: on a busy machine a sound film must not be refused."""
_MAX_RECORD_BYTES = 1 << 16
_MODULE = "app.imaging.dicom.worker"


class DecoderPool:
    """As many processes as threads ask at once, each answering one at a time."""

    def __init__(self) -> None:
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
            UndecodableImage: the file crashed the process or kept it too long.
            RuntimeError: no process can be started.
        """
        decoder = self._take()
        try:
            answer = decoder.ask(wanted, data, seconds, pixel_bytes)
        except BaseException as error:
            decoder.kill()
            if isinstance(error, (EOFError, OSError)):
                raise UndecodableImage(
                    f"Expected a DICOM file that is read within {seconds:.0f} s. Received one that takes longer, or "
                    "that a decoder cannot bear."
                ) from None
            raise
        if decoder.answered >= FILMS_A_PROCESS:
            decoder.kill()
        else:
            with self._lock:
                self._idle.append(decoder)
        return answer

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
            self.kill()
            raise RuntimeError(
                f"Expected {_MODULE} to start. Received exit status {self._process.returncode}."
            ) from error

    def ask(self, wanted: str, data: bytes, seconds: float, pixel_bytes: int) -> tuple[bytes, bytes]:
        """Return the record and the pixels; EOFError or OSError where the process ended."""
        self.answered += 1
        with self._deadline(WALL_FACTOR * seconds):
            self._connection.send_bytes(f"{wanted} {seconds}".encode())
            self._connection.send_bytes(data)
            record = self._connection.recv_bytes(_MAX_RECORD_BYTES)
            has_pixels = pixel_bytes and not record.startswith(b'{"error"')
            return record, self._connection.recv_bytes(pixel_bytes) if has_pixels else b""

    @property
    def is_alive(self) -> bool:
        """Whether the process runs: the kernel may have ended one that waited."""
        return self._process.poll() is None

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
