"""Where parts are written: a folder, or a prefix of an object store. A name is written once, whole, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from batch.addresses import is_url, local_path, open_store
from batch.errors import StoreFailed, UnusableResult
from batch.paths import printable, reason
from batch.results import sync_folder

_STORES = ("s3://", "s3a://", "gs://", "gcs://")


class Destination(Protocol):
    """Names of one folder or prefix, with the bytes under each."""

    def names(self) -> set[str]:
        """Return the names that are written; none where the folder or prefix does not exist yet."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return what is written under a name, or None."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Write durably under a new name; return False, and leave what is there, where it is taken."""
        ...


def is_prefix(out: str) -> bool:
    """Return whether `--out` names a folder or prefix for parts, and not one file."""
    return out.endswith("/") or is_url(out)


def open_destination(out: str) -> Destination:
    """Return the folder or the prefix; a folder is made.

    Raises:
        UnusableResult: it cannot be made, or the store is none that writes a name once.
        CallError: the store's library is missing.
    """
    path = local_path(out)
    if not is_url(path):
        return LocalFolder(Path(path))
    if not path.startswith(_STORES):
        raise UnusableResult(f"Expected --out to be a folder, s3://, gs:// or file://. Received: {printable(out)}.")
    return ObjectPrefix(path)


class LocalFolder:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            name = printable(str(folder))
            raise UnusableResult(f"Expected --out to be a folder that can be made: {name}: {reason(error)}.") from None

    def names(self) -> set[str]:
        """See `Destination`; what a killed start left half written has a hidden name."""
        return {path.name for path in self._folder.iterdir() if not path.name.startswith(".")}

    def read(self, name: str) -> bytes | None:
        """See `Destination`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def create(self, name: str, data: bytes) -> bool:
        """See `Destination`: written aside, synced, then linked to its name."""
        aside = self._folder / f".{name}.{uuid4().hex}"
        try:
            with aside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            return self._link(aside, self._folder / name)
        finally:
            # Also what killed starts left of this name.
            for left in self._folder.glob(f".{name}.*"):
                left.unlink(missing_ok=True)
            sync_folder(self._folder)

    def _link(self, aside: Path, to: Path) -> bool:
        try:
            os.link(aside, to)
        except FileExistsError:
            return False
        except OSError:
            if to.exists():  # and another process has removed what lay aside
                return False
            aside.rename(to)  # a file system without links
        return True


class ObjectPrefix:
    """A prefix of an object store."""

    def __init__(self, url: str) -> None:
        self._system, path = open_store(url)
        self._prefix = path.rstrip("/")

    def names(self) -> set[str]:
        """See `Destination`.

        Raises:
            StoreFailed: the store cannot be reached, or does not let us list it.
        """
        try:
            listed = self._system.ls(self._prefix, detail=False, refresh=True)
        except FileNotFoundError:
            return set()
        except Exception as error:
            raise self._failed(error) from error
        return {str(path).rpartition("/")[2] for path in listed}

    def read(self, name: str) -> bytes | None:
        """See `Destination` and `names`."""
        try:
            return bytes(self._system.cat_file(f"{self._prefix}/{name}"))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._failed(error) from error

    def create(self, name: str, data: bytes) -> bool:
        """See `Destination` and `names`.

        S3: `If-None-Match: *` (conditional writes); Google: `ifGenerationMatch=0`. Where a store has none, the name is
        looked for first; an object is whole or absent in any case.
        """
        path = f"{self._prefix}/{name}"
        try:
            self._system.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        except Exception as error:
            # Some stores call a taken name by another error, or an earlier try wrote it and its answer was lost.
            if name in self.names():
                return False
            if getattr(error, "errno", None) != errno.ENOSYS:  # S3's NotImplemented
                raise self._failed(error) from error
            try:
                self._system.pipe_file(path, data)
            except Exception as second:
                raise self._failed(second) from second
        return True

    def _failed(self, error: Exception) -> StoreFailed:
        return StoreFailed(f"Expected --out to be a prefix that can be read and written. Received: {reason(error)}.")
