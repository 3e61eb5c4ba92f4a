"""Changes to a copied model store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Change a JSON file's content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def add_versions(store: Path, name: str, *versions: int) -> None:
    for version in versions:
        folder = shutil.copytree(store / name / "1", store / name / str(version))
        edit(folder / "model.json", lambda manifest, version=version: manifest.update(version=str(version)))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
