"""Finding, reading and verifying of a model_store entry, `<store>/<name>/<version>`.

It holds `model.keras`, `serving/`, `model.json`, `golden.json` and pages.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from app.errors import ArtifactRefused, ModelNotFound
from app.inference.engine import Engine
from app.inference.engines import open_engine
from app.inference.gate import GATE_FILE
from app.inference.golden import check_golden
from app.inference.manifest import Manifest
from app.names import DEFAULT_ENGINE, EngineName

DEFAULT_FILE = "DEFAULT"


@dataclass(frozen=True)
class Entry:
    """An entry's folder and `model.json`."""

    folder: Path
    manifest: Manifest

    @property
    def label(self) -> str:
        """`name/version`."""
        return self.manifest.label


def list_entries(store: Path) -> list[str]:
    """Return every `name/version` of a store, by name, then number."""
    found = [
        (folder.parent.name, int(folder.name))
        for folder in store.glob("*/*")
        if (folder / "model.json").is_file() and re.fullmatch(r"[1-9][0-9]*", folder.name)
    ]
    return [f"{name}/{version}" for name, version in sorted(found)]


def find_entry(store: Path, wanted: str | None = None) -> Entry:
    """Read an entry's manifest; its network is neither loaded nor verified.

    `wanted`: `name/version`, or `name` for its highest version; None: what the file `DEFAULT` names.

    Raises:
        ModelNotFound: the message lists the entries.
        ArtifactRefused: an unreadable or contradictory `model.json`.
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
            wanted = read_choice(store)
        except ModelNotFound:
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
    if manifest.label != matching[-1]:
        raise ArtifactRefused(f"Expected the model.json of {matching[-1]}. Received that of {manifest.label}.")
    return Entry(folder, manifest)


def read_choice(store: Path) -> str:
    """Return what a store's file `DEFAULT` names.

    Raises:
        ModelNotFound: it cannot be read.
    """
    try:
        return (store / DEFAULT_FILE).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ModelNotFound("Expected a file DEFAULT in the model store. It cannot be read.") from None


def open_verified(entry: Entry, engine_name: EngineName = DEFAULT_ENGINE) -> Engine:
    """Load an entry's network; check its files' hashes and, by `check_golden`, its numbers.

    Raises:
        ArtifactRefused: something does not fit; in one line.
        ModelError: the engine is not installed.
    """
    digests = entry.manifest.sha256
    for name, expected, found in (
        ("model.keras", digests.model_keras, hash_file(entry.folder / "model.keras")),
        ("serving", digests.serving, hash_folder(entry.folder / "serving")),
        (GATE_FILE, digests.gate, hash_file(entry.folder / GATE_FILE) if digests.gate else None),
    ):
        if expected is not None and found is not None and found != expected:
            raise ArtifactRefused(
                f"{entry.label}: expected {name} with sha256 {expected[:12]}…. Received {found[:12]}…."
            )
    engine = open_engine(engine_name, entry.folder, entry.manifest.maps)
    check_golden(entry.folder / "golden.json", entry.manifest, engine)
    return engine


def hash_file(path: Path) -> str:
    """Return a file's sha256.

    Raises:
        ArtifactRefused: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise ArtifactRefused(f"Expected the file {path.name} in the entry. It cannot be read.") from None


def hash_folder(folder: Path) -> str:
    """Return the sha256 of the names and contents of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        digest.update(f"{path.name}\0{hash_file(path)}\n".encode())
    return digest.hexdigest()
