"""Writing of a model_store entry: aside, verified as the service does, then renamed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from app.errors import ArtifactRefused
from app.inference.artifact import DEFAULT_FILE, Entry, hash_file, hash_folder, open_verified
from app.inference.calibration import Calibration
from app.inference.engine import Films
from app.inference.engines import open_engine
from app.inference.gate import GATE_FILE, read_gate
from app.inference.golden import compute_golden
from app.inference.manifest import Digests, EntryName, Manifest, ManifestDraft
from app.names import DEFAULT_ENGINE


@dataclass(frozen=True)
class StagedEntry:
    """An entry being written aside, with its later name and version."""

    folder: Path
    name: str
    version: str


def check_name(name: str) -> None:
    """Raise ArtifactRefused for a name that no entry can have."""
    try:
        TypeAdapter(EntryName).validate_python(name)
    except ValidationError as error:
        raise ArtifactRefused(f"Expected a name for an entry. Received {name!r}: {error.errors()[0]['msg']}.") from None


@contextmanager
def staged_entry(store: Path, name: str) -> Iterator[StagedEntry]:
    """Yield an entry to be written aside; verified, it becomes the next version of `name`.

    Raises:
        ArtifactRefused: a name that no entry can have, or an entry that the service could not load.
    """
    check_name(name)
    home = store / name
    home.mkdir(parents=True, exist_ok=True)
    # Folders that are no entries count: a rename onto one would fail.
    versions = [int(folder.name) for folder in home.iterdir() if re.fullmatch(r"[0-9]+", folder.name)]
    version = str(max(versions, default=0) + 1)
    # In the store: renames are atomic within one file system only.
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
    """Write `golden.json` and `model.json` beside `model.keras` and `serving/`.

    `golden_films`, uint8 (N, height, width), are drawn, never a patient's.
    """
    weights = hash_file(staged.folder / "model.keras")
    calibration = Calibration(**draft.calibration.model_dump(), weights_sha256=weights)
    engine = open_engine(DEFAULT_ENGINE, staged.folder, draft.maps)
    gate = read_gate(staged.folder, draft.gate)
    golden = compute_golden(golden_films, engine, calibration, gate)
    manifest = Manifest(
        name=staged.name,
        version=staged.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        sha256=Digests(
            model_keras=weights,
            serving=hash_folder(staged.folder / "serving"),
            gate=gate and hash_file(staged.folder / GATE_FILE),
        ),
        calibration=calibration,
        **{key: value for key, value in draft if key != "calibration"},
    )
    (staged.folder / "golden.json").write_text(golden.model_dump_json(indent=1) + "\n", "utf-8")
    (staged.folder / "model.json").write_text(manifest.model_dump_json(indent=1, by_alias=True) + "\n", "utf-8")
    return manifest


def set_default(store: Path, label: str) -> None:
    """Write which entry is served by default, whole or not at all, whenever the process is killed."""
    aside = store / f".{DEFAULT_FILE}"
    with aside.open("w", encoding="utf-8") as file:
        file.write(label + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(store / DEFAULT_FILE)
