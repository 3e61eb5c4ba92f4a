"""Films' names in the journal: absolute, or below a folder that may be mounted elsewhere."""

# ruff: noqa: PTH100, PTH112, PTH118
# Path would change strings that must stay as named.

from __future__ import annotations

import os
from collections.abc import Iterable

from batch.errors import CallError
from batch.paths import printable


class JournalKeys:
    """Turns an absolute path into a key: itself, or its path below `root`."""

    def __init__(self, root: str | None = None) -> None:
        """Resolve the folder.

        Raises:
            CallError: `root` is no folder.
        """
        self.relative = root is not None
        self._roots: list[str] = []
        if root is not None:
            if not os.path.isdir(root):
                raise CallError(f"Expected --root to be a folder. Received: {printable(root)}.")
            self._roots = [os.path.join(folder, "") for folder in (os.path.abspath(root), os.path.realpath(root))]

    def __call__(self, path: str) -> str:
        """Return the key of an absolute path.

        Raises:
            CallError: it lies outside the folder.
        """
        if not self._roots:
            return path
        as_named, resolved = self._roots
        if path.startswith(as_named):
            return path[len(as_named) :]
        # The folder or the film may be named through a link.
        folder, name = os.path.split(path)
        path_resolved = os.path.join(os.path.realpath(folder), name)
        if path_resolved.startswith(resolved):
            return path_resolved[len(resolved) :]
        raise CallError(f"Expected films below --root {printable(as_named)}. Received: {printable(path)}.")

    def check(self, paths: Iterable[str]) -> None:
        """Check that all lie below the folder.

        Raises:
            CallError: one lies outside.
        """
        for path in paths:
            self(path)
