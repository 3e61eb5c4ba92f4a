"""DICOM files with changes at random, and a process that reads many of them: `python -m … SEED FIRST LAST`.

The process does with a file what a decoding process of the service does, under the same bounds, and needs no question
for each. It prints a file's number before reading it: who watches it knows which file ended it.
"""

from __future__ import annotations

import resource
import signal
import sys
import warnings
from collections import Counter
from pathlib import Path

import imagecodecs
import numpy as np
import psutil

from app.errors import ImageError
from app.imaging.dicom.reading import read_film, read_header
from app.imaging.dicom.worker import FILE_COPIES, PARSING_BYTES, SAMPLE_BYTES
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import compressed, film_12_bit, lut, make_film
from tests.imaging.dicom.twins import encode_rle, lossless_twins

FILM = film_12_bit(70, 90)
GRAY = film_pixels(0, 70, 90)
COLOUR = np.dstack([film_pixels(seed, 70, 90) for seed in range(3)])
BASELINE, EXTENDED, NEAR = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"
SEEDS = [
    *lossless_twins(FILM).values(),
    compressed(encode(GRAY), GRAY, 8, BASELINE),
    compressed(encode(COLOUR), COLOUR, 8, BASELINE, PhotometricInterpretation="YBR_FULL_422"),
    compressed(bytes(imagecodecs.jpeg8_encode(FILM, 90, bitspersample=12)), FILM, 12, EXTENDED),
    compressed(bytes(imagecodecs.jpegls_encode(FILM, 2)), FILM, 12, NEAR),
    compressed(encode_rle(COLOUR), COLOUR, 8, "1.2.840.10008.1.2.5"),
    make_film(FILM, 12, VOILUTSequence=lut(np.arange(4096, dtype=np.uint16), 12), PixelPaddingValue=3),
    make_film(
        FILM, 12, ModalityLUTSequence=lut(np.arange(4096, dtype=np.uint16), 12), WindowCenter="9", WindowWidth="7"
    ),
    make_film((FILM.astype(np.int16) - 2048).astype(np.int16), 12, RescaleSlope="-1.5", RescaleIntercept="3"),
]
DEADLINE_SECONDS = 8.0
"""As the service grants a film, on the clock."""
MAX_PIXELS = 1_000_000
_VALUES = np.array([0, 1, 2, 0x10, 0x40, 0x7F, 0x80, 0xD9, 0xDA, 0xFE, 0xFF], np.uint8)


def mutate(rng: np.random.Generator) -> bytes:
    """Return a file with one to four changes, most of them in its header or at its codestream's beginning."""
    data = bytearray(SEEDS[rng.integers(len(SEEDS))])
    pixels = max(data.rfind(b"\xe0\x7f\x10\0"), data.rfind(b"\x7f\xe0\0\x10"), 132)
    for _ in range(rng.integers(1, 5)):
        low, high = [(132, pixels + 12), (pixels, pixels + 250), (0, len(data))][rng.choice(3, p=[0.45, 0.35, 0.2])]
        place = min(int(rng.integers(low, max(high, low + 1))), len(data) - 1)
        size = int(rng.integers(1, 60))
        match rng.integers(6):
            case 0:
                data[place] ^= 1 << int(rng.integers(8))
            case 1:
                data[place] = int(rng.choice(_VALUES))
            case 2:
                data[place : place + 4] = rng.choice(_VALUES, 4).tobytes()
            case 3:
                del data[place : place + size]
            case 4:
                other = SEEDS[rng.integers(len(SEEDS))]
                start = int(rng.integers(len(other)))
                data[place : place + size] = other[start : start + size]
            case 5:
                del data[max(place, 133) :]
        if len(data) < 140:
            break
    return bytes(data)


def read_many(seed: int, first: int, last: int) -> None:
    """Read the files of these numbers; print each one's number, and at the end how many gave what.

    Raises:
        Exception: a file raised something else than an image's error.
    """
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever a codec does
    outcomes: Counter[str] = Counter()
    before = 0
    for number in range(first, last):
        print(number, flush=True)
        data = mutate(np.random.default_rng((seed, number)))
        signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS)
        try:
            outcomes[_read(data)] += 1
        except ImageError as error:
            outcomes[type(error).__name__] += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        if number == first + 500:
            before = psutil.Process().memory_info().rss
    grown = psutil.Process().memory_info().rss - before if before else 0
    print(f"done {grown} {' '.join(f'{name}={count}' for name, count in outcomes.items())}", flush=True)


def _read(data: bytes) -> str:
    room = PARSING_BYTES + FILE_COPIES * len(data)
    _allow(room)
    try:
        header = read_header(data)
        if header.width * header.height > MAX_PIXELS:
            return "too-many-pixels"
        film, pixels = read_film(data, lambda samples: _allow(room + SAMPLE_BYTES * samples))
    except MemoryError:
        return "memory"
    assert (pixels.shape, pixels.dtype) == ((film.height, film.width), np.uint8)
    return "film"


def _allow(room: int) -> None:
    """Let the address space grow by so many bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room, resource.RLIM_INFINITY))


if __name__ == "__main__":
    read_many(*(int(argument) for argument in sys.argv[1:]))
