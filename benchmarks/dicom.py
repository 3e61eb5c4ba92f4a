"""How fast DICOM is read: films of 2,000 × 2,000 in three transfer syntaxes, beside their codec alone."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import imagecodecs
import numpy as np
from openjpeg.utils import decode as decode_jpeg_2000
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate

from app.inference.artifact import Entry
from app.process import granted_cores
from benchmarks.cases import our_case
from benchmarks.load import Load, run_wrk
from benchmarks.processes import free_port, serving
from benchmarks.turns import Bench

_SIDE, _BITS = 2000, 12
_CLIENTS = 8
_WARM_SECONDS, _LEAST_SECONDS = 5.0, 6.0


class Film(NamedTuple):
    """A file, and what decodes its frame, without its header."""

    name: str
    data: bytes
    decode: Callable[[], object]


def measure_dicom(bench: Bench, entry: Entry) -> None:
    """Measure the service at 8 clients between two runs of the codec on all cores."""
    # The films are drawn: the gate would refuse them.
    case, port = our_case(entry, gate="flag"), free_port()
    command, environment, load = *case.start(port), Load(clients=_CLIENTS)
    with serving(command, port, environment, case.cwd, case.health):
        for film in make_films():
            bench.say(f"DICOM, {film.name}: {bench.turns} turns")
            path, listing = bench.folder / "film.dcm", bench.folder / "dicom-listing"
            path.write_bytes(film.data)
            listing.write_text(f"{path}\n")
            run_wrk(port, listing, load, _WARM_SECONDS)
            seconds = max(bench.seconds, _LEAST_SECONDS)
            for _ in range(bench.turns):
                first = decode_alone(film, bench.seconds)
                served = run_wrk(port, listing, load, seconds)
                alone = (first + decode_alone(film, bench.seconds)) / 2
                per_second = served.requests / round(seconds)
                row = f"DICOM, {film.name}"
                bench.results.add(f"{row}, its codec alone", per_second=alone)
                bench.results.add(row, per_second=per_second, of_loop=per_second / alone)
                bench.results.add(row, median_ms=served.median_ms, p99_ms=served.p99_ms)


def decode_alone(film: Film, seconds: float) -> float:
    """Return the films a second that the codec decodes in as many threads as there are cores."""

    def work() -> float:
        begun, count = time.perf_counter(), 0
        while time.perf_counter() < begun + seconds:
            film.decode()
            count += 1
        return count / (time.perf_counter() - begun)

    threads = granted_cores()
    with ThreadPoolExecutor(threads) as pool:
        return sum(work.result() for work in [pool.submit(work) for _ in range(threads)])


def make_films() -> Iterator[Film]:
    """Yield a drawn film of 12 bits, with noise as a detector's: uncompressed, JPEG lossless and JPEG 2000."""
    rng = np.random.default_rng(0)
    smooth = cv2.resize(rng.random((12, 12)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    pixels = np.clip(smooth * 3500 + rng.normal(300, 12, smooth.shape), 0, (1 << _BITS) - 1).astype(np.uint16)
    native = pixels.tobytes()
    lossless = bytes(imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1, bitspersample=_BITS))
    j2k = bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, bitspersample=_BITS))
    yield Film("uncompressed", _write(native, uid.ExplicitVRLittleEndian), lambda: np.frombuffer(native, "<u2").copy())
    yield Film("JPEG lossless", _write(lossless, uid.JPEGLosslessSV1), lambda: imagecodecs.jpeg8_decode(lossless))
    yield Film("JPEG 2000", _write(j2k, uid.JPEG2000Lossless), lambda: decode_jpeg_2000(j2k))


def _write(frame: bytes, syntax: uid.UID) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, uid.ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = uid.UID("1.2.3")
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.ComputedRadiographyImageStorage, "1.2.3"
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.Rows = dataset.Columns = _SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, _BITS, _BITS - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    dataset.PixelData = encapsulate([frame]) if syntax.is_compressed else frame
    dataset["PixelData"].VR = "OB" if syntax.is_compressed else "OW"
    dataset["PixelData"].is_undefined_length = syntax.is_compressed
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
