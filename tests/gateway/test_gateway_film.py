"""What the gateway reads of a film, and of hostile ones."""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from gateway.errors import UnusableFilm
from gateway.film import MOST_INFLATED_BYTES, read_film
from tests.gateway.dicom_films import dicom_film

REPO = Path(__file__).parents[2]
PIXELS_TAG = b"\xe0\x7f\x10\x00"


def deflated(pixels: bytes) -> bytes:
    film = pydicom.dcmread(BytesIO(dicom_film()))
    film.PixelData = pixels
    film.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    buffer = BytesIO()
    film.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def with_elements(count: int) -> bytes:
    """Return a film with so many empty elements in front of its pixels."""
    film = dicom_film()
    place = film.index(PIXELS_TAG)
    extra = b"".join(
        struct.pack("<HH2sH", 0x1011 + 2 * (number // 60_000), 0x1000 + number % 60_000, b"LO", 0)
        for number in range(count)
    )
    return film[:place] + extra + film[place:]


def test_a_deflated_film_is_read() -> None:
    """Its hash is of the pixels as they are once inflated."""
    pixels = bytes(range(256)) * 4
    assert read_film(deflated(pixels)).pixel_sha256 == hashlib.sha256(pixels).hexdigest()


def test_a_film_that_inflates_beyond_the_bound_is_refused() -> None:
    with pytest.raises(UnusableFilm, match="inflate"):
        read_film(deflated(bytes(MOST_INFLATED_BYTES + 2**23)))


@pytest.mark.long
def test_a_film_that_would_fill_the_memory_leaves_the_process_alive(tmp_path: Path) -> None:
    """A small file of 300 MiB of zeros, in a process that may grow by 250 MiB."""
    path = tmp_path / "film.dcm"
    path.write_bytes(deflated(bytes(300 * 2**20)))
    code = """if True:
        import resource, sys
        from pathlib import Path
        from gateway.errors import UnusableFilm
        from gateway.film import read_film

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 250 * 2**20,) * 2)
        try:
            read_film(Path(sys.argv[1]).read_bytes())
        except UnusableFilm as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False, cwd=REPO, timeout=60
    )
    assert path.stat().st_size < 2**20
    assert "Expected pixels that inflate" in done.stdout, done.stderr


def test_a_film_of_countless_elements_is_refused() -> None:
    """One with thousands is read."""
    assert read_film(with_elements(5000)).rows > 0
    with pytest.raises(UnusableFilm, match="reads"):
        read_film(with_elements(100_000))


def test_a_value_of_megabytes_is_refused() -> None:
    name = b"\x10\x00\x10\x00"
    film = dicom_film(PatientName="Drawn^F")
    long = name + b"UT\x00\x00" + struct.pack("<I", 2**21) + b"A" * 2**21
    film = film.replace(name + b"PN\x08\x00Drawn^F ", long)
    with pytest.raises(UnusableFilm, match="1048576 bytes"):
        read_film(film)
