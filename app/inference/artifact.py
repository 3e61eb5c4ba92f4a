"""Write, verify and read one model_store entry, `<store>/<name>/<version>`.

It holds `model.keras`, `serving/`, `model.json`, `golden.json` and pages. It is written aside, verified by loading it
as the service does, and then renamed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
from pydantic import TypeAdapter, ValidationError

from app.errors import ArtifactRefused, ModelNotFound
from app.inference.calibration import Calibration
from app.inference.engine import Engine, Films
from app.inference.engines import open_engine
from app.inference.manifest import Digests, EntryName, Golden, GoldenFilm, Manifest, ManifestDraft
from app.names import DEFAULT_ENGINE, EngineName

LOGIT_TOLERANCE = 1e-3
PROBABILITY_TOLERANCE = 1e-4
_DEFAULT_FILE = "DEFAULT"


@dataclass(frozen=True)
class Entry:
    """One entry of a model store: its folder and its `model.json`."""

    folder: Path
    manifest: Manifest

    @property
    def label(self) -> str:
        """`name/version`."""
        return f"{self.manifest.name}/{self.manifest.version}"


@dataclass(frozen=True)
class StagedEntry:
    """An entry that is being written aside, with its later name and version."""

    folder: Path
    name: str
    version: str


def list_entries(store: Path) -> list[str]:
    """Return every `name/version` of a store, sorted by name, then by number."""
    found = [
        (folder.parent.name, int(folder.name))
        for folder in store.glob("*/*")
        if (folder / "model.json").is_file() and re.fullmatch(r"[1-9][0-9]*", folder.name)
    ]
    return [f"{name}/{version}" for name, version in sorted(found)]


def find_entry(store: Path, wanted: str | None = None) -> Entry:
    """Read the manifest of an entry; the network itself is neither loaded nor verified.

    Args:
        store: the folder of the model store.
        wanted: `name/version`, or `name` for its highest version; None: what the file `DEFAULT` names.

    Raises:
        ModelNotFound: there is no such entry; the message lists those there are.
        ArtifactRefused: its `model.json` cannot be read or contradicts itself.
    """
    entries = list_entries(store)
    if not entries:
        there_is = "no model in it" if store.is_dir() else "no such folder"
        raise ModelNotFound(
            f"Expected a model store in {store.absolute()}. There is {there_is}: name the store with --model-store or "
            "PNEUMOSERVE_MODEL_STORE."
        )
    one_of = f"one of the models in {store.absolute()}: {', '.join(entries)}"
    if wanted is None:
        try:
            wanted = (store / _DEFAULT_FILE).read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise ModelNotFound(
                f"Expected PNEUMOSERVE_MODEL, or a file DEFAULT that can be read, to name {one_of}."
            ) from None
    matching = [label for label in entries if wanted in (label, label.partition("/")[0])]
    if not matching:
        raise ModelNotFound(f"Expected {one_of}. Received {wanted!r}.")
    folder = store / matching[-1]
    try:
        manifest = Manifest.model_validate_json((folder / "model.json").read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "model.json"
        raise ArtifactRefused(f"The model.json of {matching[-1]} is refused: {place}: {first['msg']}.") from None
    except OSError:
        raise ArtifactRefused(f"The model.json of {matching[-1]} cannot be read.") from None
    if f"{manifest.name}/{manifest.version}" != matching[-1]:
        raise ArtifactRefused(
            f"Expected the model.json of {matching[-1]}. Received that of {manifest.name}/{manifest.version}."
        )
    return Entry(folder, manifest)


def open_verified(entry: Entry, engine_name: EngineName = DEFAULT_ENGINE) -> Engine:
    """Load an entry's network and check that it is the one that was saved.

    The hashes of its files must match. Its golden films are computed again: every logit must be within
    `LOGIT_TOLERANCE`, every calibrated probability within `PROBABILITY_TOLERANCE`. The manifest's maps are computed
    once.

    Raises:
        ArtifactRefused: a hash, a number or the calibration does not fit; the message is one line.
        ModelError: the engine is not installed.
    """
    for name, expected, found in (
        ("model.keras", entry.manifest.sha256.model_keras, _hash_file(entry.folder / "model.keras")),
        ("serving", entry.manifest.sha256.serving, _hash_folder(entry.folder / "serving")),
    ):
        if found != expected:
            raise ArtifactRefused(
                f"{entry.label}: expected {name} with sha256 {expected[:12]}…. Received {found[:12]}…."
            )
    engine = open_engine(engine_name, entry.folder, entry.manifest.maps)
    _recompute_golden(entry, engine)
    return engine


def _recompute_golden(entry: Entry, engine: Engine) -> None:
    try:
        golden = Golden.model_validate_json((entry.folder / "golden.json").read_bytes())
    except (OSError, ValidationError):
        raise ArtifactRefused(f"{entry.label}: expected a golden.json with films. It is absent or broken.") from None
    pictures = [_decode_png(film.png) for film in golden.films]
    for picture in pictures:
        if picture.shape != entry.manifest.shape:
            raise ArtifactRefused(
                f"{entry.label}: expected golden films of {entry.manifest.shape}. Received {picture.shape}."
            )
    films = np.stack(pictures)
    for film, logit in zip(golden.films, engine.logits(films).tolist(), strict=True):
        probability = entry.manifest.calibration.probability(logit)
        # Not >: every comparison with NaN is false.
        fits = abs(logit - film.logit) <= LOGIT_TOLERANCE
        if not (fits and abs(probability - film.probability) <= PROBABILITY_TOLERANCE):
            raise ArtifactRefused(
                f"{entry.label}: a golden film should give logit {film.logit:.4f} and probability "
                f"{film.probability:.5f}; the {engine.name} engine gives {logit:.4f} and {probability:.5f}."
            )
    _compute_maps(entry, engine, films[:1])


def _compute_maps(entry: Entry, engine: Engine, film: Films) -> None:
    spec = entry.manifest.maps
    maps = engine.maps(film, cam=spec.cam is not None, layers=True)
    if spec.cam is None or not spec.cam.exact or maps.cam is None or maps.cam_bias is None:
        return
    total, logit = float(maps.cam.sum() + maps.cam_bias.sum()), float(maps.logits[0])
    if not abs(total - logit) <= LOGIT_TOLERANCE * max(1.0, float(np.abs(maps.cam).sum())):
        raise ArtifactRefused(
            f"{entry.label}: expected a class activation map and a bias that sum to the logit {logit:.4f}. "
            f"They sum to {total:.4f}."
        )


def check_name(name: str) -> None:
    """Check the name of an entry.

    Raises:
        ArtifactRefused: it is none; the message says what is.
    """
    try:
        TypeAdapter(EntryName).validate_python(name)
    except ValidationError as error:
        raise ArtifactRefused(f"Expected a name for an entry. Received {name!r}: {error.errors()[0]['msg']}.") from None


@contextmanager
def staged_entry(store: Path, name: str) -> Iterator[StagedEntry]:
    """Yield an entry to be written aside; at the end it is verified and becomes the next version of `name`.

    Raises:
        ArtifactRefused: the name is none for an entry, or the service could not load what was written.
    """
    check_name(name)
    home = store / name
    home.mkdir(parents=True, exist_ok=True)
    # Folders that are no entries count too: a rename onto one would fail.
    versions = [int(folder.name) for folder in home.iterdir() if re.fullmatch(r"[0-9]+", folder.name)]
    version = str(max(versions, default=0) + 1)
    # In the store: a rename is atomic within one file system only.
    aside = Path(tempfile.mkdtemp(prefix=f".{version}-", dir=home))
    try:
        yield StagedEntry(aside, name, version)
        manifest = Manifest.model_validate_json((aside / "model.json").read_bytes())
        open_verified(Entry(aside, manifest))
        aside.chmod(0o755)
        aside.rename(home / version)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if not any(home.iterdir()):
            home.rmdir()


def finish_entry(staged: StagedEntry, draft: ManifestDraft, golden_films: Films) -> Manifest:
    """Write `golden.json` and `model.json`, with the hashes of what was written.

    Args:
        staged: with `model.keras` and `serving/`.
        draft: what training knows of the model.
        golden_films: uint8 (N, height, width), drawn, never a patient's.
    """
    weights = _hash_file(staged.folder / "model.keras")
    calibration = Calibration(**draft.calibration, weights_sha256=weights)
    engine = open_engine(DEFAULT_ENGINE, staged.folder, draft.maps)
    golden = Golden(
        films=[
            GoldenFilm(png=_encode_png(film), logit=logit, probability=calibration.probability(logit))
            for film, logit in zip(golden_films, engine.logits(golden_films).tolist(), strict=True)
        ]
    )
    manifest = Manifest(
        name=staged.name,
        version=staged.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256=Digests(model_keras=weights, serving=_hash_folder(staged.folder / "serving")),
        calibration=calibration,
        **{key: value for key, value in draft if key != "calibration"},
    )
    (staged.folder / "golden.json").write_text(golden.model_dump_json(indent=1) + "\n", "utf-8")
    (staged.folder / "model.json").write_text(manifest.model_dump_json(indent=1, by_alias=True) + "\n", "utf-8")
    return manifest


def set_default(store: Path, label: str) -> None:
    """Write which entry is served where none is asked for."""
    aside = store / f".{_DEFAULT_FILE}"
    aside.write_text(label + "\n")
    aside.replace(store / _DEFAULT_FILE)


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise ArtifactRefused(f"Expected the file {path.name} in the entry. It cannot be read.") from None


def _hash_folder(folder: Path) -> str:
    """Return the hash of the names and contents of a folder's files, by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        digest.update(f"{path.name}\0{_hash_file(path)}\n".encode())
    return digest.hexdigest()


def _encode_png(film: Films) -> str:
    ok, png = cv2.imencode(".png", film)
    if not ok:
        raise ArtifactRefused("Expected a golden film that PNG can hold. Received another.")
    return base64.b64encode(png.tobytes()).decode()


def _decode_png(text: str) -> Films:
    try:
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(text, validate=True), np.uint8), cv2.IMREAD_GRAYSCALE)
    except (binascii.Error, ValueError, cv2.error):
        pixels = None
    if pixels is None:
        raise ArtifactRefused("Expected a golden film as base64 PNG. Received something else.")
    return pixels.astype(np.uint8, copy=False)
