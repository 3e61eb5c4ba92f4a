"""Model store entries: written whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from app.errors import ArtifactRefused
from app.inference.artifact import Entry, find_entry, list_entries, open_verified
from app.inference.artifact_writer import StagedEntry, finish_entry, staged_entry
from app.inference.manifest import InputSpec, Manifest, ManifestDraft
from tests.conftest import film_pixels
from tests.inference.stores import add_versions, files


def draft_like(entry: Entry) -> ManifestDraft:
    manifest = entry.manifest
    taken = manifest.model_dump(include=set(ManifestDraft.model_fields) - {"calibration", "input", "maps"})
    return ManifestDraft(
        calibration={"prevalence": 0.7}, input=InputSpec(**manifest.input.model_dump()), maps=manifest.maps, **taken
    )


def write(staged: StagedEntry, entry: Entry) -> Manifest:
    """Write the same network again."""
    shutil.copy(entry.folder / "model.keras", staged.folder)
    shutil.copytree(entry.folder / "serving", staged.folder / "serving")
    return finish_entry(staged, draft_like(entry), np.stack([film_pixels(seed, 150, 150) for seed in range(2)]))


def test_a_new_entry_takes_the_next_number(store: Path) -> None:
    """One over the highest, though a lower one is free and the highest is no entry."""
    entry = find_entry(store, "pooled")
    add_versions(store, "pooled", 7)
    (store / "pooled" / "8").mkdir()
    (store / "pooled" / "8" / "notes").touch()
    with staged_entry(store, "pooled") as staged:
        write(staged, entry)
    assert (staged.version, find_entry(store, "pooled").label) == ("9", "pooled/9")
    assert open_verified(find_entry(store, "pooled")).name == "openvino"
    assert (store / "pooled" / "9").stat().st_mode & 0o777 == 0o755


def test_an_entry_is_not_there_until_it_is_whole(store: Path) -> None:
    """Not even when its last file is written."""
    entry = find_entry(store, "pooled")
    with staged_entry(store, "new") as staged:
        assert list_entries(store) == ["dense/1", "pooled/1", "tanh/1"]
        write(staged, entry)
        assert list_entries(store) == ["dense/1", "pooled/1", "tanh/1"]
    assert list_entries(store) == ["dense/1", "new/1", "pooled/1", "tanh/1"]


def test_a_training_that_fails_leaves_nothing_behind(store: Path) -> None:
    entry, before = find_entry(store, "pooled"), files(store)

    def fail(name: str) -> None:
        with staged_entry(store, name) as staged:
            write(staged, entry)
            raise KeyboardInterrupt

    for name in ("pooled", "new"):
        with pytest.raises(KeyboardInterrupt):
            fail(name)
        assert files(store) == before


def test_an_entry_that_does_not_verify_is_not_kept(store: Path) -> None:
    entry, before = find_entry(store, "pooled"), files(store)

    def spoil() -> None:
        with staged_entry(store, "pooled") as staged:
            write(staged, entry)
            with (staged.folder / "model.keras").open("ab") as weights:
                weights.write(b"x")

    with pytest.raises(ArtifactRefused, match=r"expected model\.keras with sha256"):
        spoil()
    assert files(store) == before


def test_what_a_killed_training_leaves_is_no_entry(store: Path) -> None:
    """Its folder is neither listed nor in the way."""
    left = shutil.copytree(store / "pooled" / "1", store / "pooled" / ".2-killed")
    assert (left / "model.json").is_file()
    entry = find_entry(store, "pooled")
    assert (list_entries(store), entry.label) == (["dense/1", "pooled/1", "tanh/1"], "pooled/1")
    with staged_entry(store, "pooled") as staged:
        write(staged, entry)
    assert find_entry(store, "pooled").label == "pooled/2"


@pytest.mark.parametrize("name", ["../evil", "", "A", "a/b", ".hidden", "a" * 65])
def test_a_name_that_no_entry_can_have_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    def stage() -> None:
        with staged_entry(tmp_path / "store", name):
            pass

    with pytest.raises(ArtifactRefused, match="Expected a name for an entry"):
        stage()
    assert files(tmp_path) == []
