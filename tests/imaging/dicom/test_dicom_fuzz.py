"""Any bytes of a DICOM file give a film or an error; no process hangs, and their memory stays flat.

`FUZZ_TIMES` multiplies the files; `FUZZ_SEED` draws others.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import psutil
import pytest

from app.errors import DeadlineExceeded, ImageError
from app.imaging.preprocess import read_film
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import compressed, film_12_bit, lut, make_film
from tests.imaging.dicom.twins import encode_rle, lossless_twins

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
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
MAX_SECONDS = 40
"""On a busy machine: a process is killed after 2 s of CPU, or 8 s on the clock."""
MAX_GROWTH_BYTES = 64 << 20
FILES_A_DEATH = 1000
"""One in so many may crash a process, or take its seconds."""
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


def memory() -> int:
    """Return the resident bytes of the largest decoding process."""
    largest = 0
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # replaced meanwhile
            if "app.imaging.dicom.worker" in child.cmdline():
                largest = max(largest, child.memory_info().rss)
    return largest


def test_mutated_files_are_refused_or_read(tmp_path: Path) -> None:
    """A file that takes long or raises anything else is kept for a look."""
    rng = np.random.default_rng(SEED)
    outcomes: Counter[str] = Counter()
    slowest, before = 0.0, 0
    for number in range(400 * TIMES):
        data = mutate(rng)
        started = time.monotonic()
        try:
            film = read_film(data, width=150, height=150, max_pixels=1_000_000)
        except DeadlineExceeded:
            outcomes["killed"] += 1
        except ImageError as error:
            outcomes["killed" if "takes longer" in str(error) else type(error).__name__] += 1
        except Exception:
            (tmp_path / "failed.dcm").write_bytes(data)
            pytest.fail(f"file {number} raised, see {tmp_path}")
        else:
            assert (film.pixels.shape, film.pixels.dtype) == ((150, 150), np.uint8)
            outcomes["film"] += 1
        took = time.monotonic() - started
        slowest = max(slowest, took)
        if took > 4:
            (tmp_path / f"slow-{number}.dcm").write_bytes(data)
        if number == 100:
            before = memory()
    print(f"{dict(outcomes)}, slowest {slowest:.1f} s, grown by {(memory() - before) / 2**20:.0f} MiB")
    assert outcomes["killed"] <= 400 * TIMES // FILES_A_DEATH
    assert slowest < MAX_SECONDS
    assert memory() - before < MAX_GROWTH_BYTES
    assert outcomes["film"] > 0
