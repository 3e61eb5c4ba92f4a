"""A process that decodes DICOM files for its parent, within bounds of memory and time: `python -m … FD`.

It ends with its parent, whose end of the socket closes. A stream that crashes a codec, or keeps it busy, ends this
process alone.
"""

from __future__ import annotations

import math
import resource
import signal
import sys
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

PARSING_BYTES = 256 * 2**20
"""Address space for a file's elements, beside the file."""
FILE_COPIES = 4
SAMPLE_BYTES = 32
"""Address space a sample: OpenJPEG's and NumPy's copies of it."""


def main() -> None:
    """Decode what the parent sends, until it closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's
    warnings.simplefilter("ignore")  # pydicom quotes the header
    connection = Connection(int(sys.argv[1]))
    # No file is written, no picture of a patient left in a core.
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    _load()
    connection.send_bytes(b"ready")
    while True:
        try:
            wanted, seconds, pixel_bytes, data = _receive(connection)
        except EOFError:
            return
        _allow_seconds(seconds)
        _allow_memory(PARSING_BYTES + FILE_COPIES * len(data))
        record, pixels = _answer(wanted, data, pixel_bytes)
        del data
        connection.send_bytes(record)
        if pixels is not None:
            connection.send_bytes(pixels)


def _load() -> None:
    """Import what reads, so that no film waits for it, and what the bound of memory is added to."""
    import cv2
    import imagecodecs
    import openjpeg.utils
    import rle.utils  # noqa: F401 - loaded for later

    import app.imaging.dicom.reading  # noqa: F401 - the same

    cv2.setNumThreads(1)
    _ = imagecodecs.jpeg8_decode, imagecodecs.jpegls_decode, openjpeg.utils.decode  # loaded when first named


def _receive(connection: Connection) -> tuple[bytes, float, int, bytes]:
    """Return what is wanted, the CPU seconds for it, the bytes of pixels that are expected, and the file."""
    wanted, seconds, pixel_bytes = connection.recv_bytes().split(b" ")
    return wanted, float(seconds), int(pixel_bytes), connection.recv_bytes()


def _answer(wanted: bytes, data: bytes, pixel_bytes: int) -> tuple[bytes, bytes | None]:
    """Return a record as JSON, and a film's pixels."""
    from app.errors import ImageError, is_out_of_memory
    from app.imaging.dicom import reading
    from app.imaging.dicom.record import FILM, HEADER, REFUSAL, Refusal

    try:
        if wanted == b"header":
            return HEADER.dump_json(reading.read_header(data)), None
        room = PARSING_BYTES + FILE_COPIES * len(data)
        film, pixels = reading.read_film(data, lambda samples: _allow_memory(room + SAMPLE_BYTES * samples))
        if pixels.size != pixel_bytes:
            refusal = Refusal(
                "UndecodableImage", f"Expected {pixel_bytes} pixels, as the header says. Received {pixels.size}."
            )
            return REFUSAL.dump_json(refusal), None
        return FILM.dump_json(film), pixels.tobytes()
    except ImageError as error:
        refusal = Refusal(type(error).__name__, str(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        refusal = Refusal(
            "UndecodableImage", "Expected a file that needs no more memory than its pixels. Received another."
        )
    return REFUSAL.dump_json(refusal), None


def _allow_seconds(seconds: float) -> None:
    """Let the process compute for so long from now; the kernel ends it behind that."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    _limit(resource.RLIMIT_CPU, soft)


def _allow_memory(room: int) -> None:
    """Let the address space grow by so many bytes; malloc fails behind that."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + room)


def _limit(kind: int, soft: int) -> None:
    """Set a soft limit, under the hard one, which only a privileged process may raise."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    main()
