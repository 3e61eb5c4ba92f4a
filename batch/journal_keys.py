"""How the journal names films: by absolute path, or below a folder that may be mounted elsewhere."""

# ruff: noqa: PTH100, PTH112, PTH118
# Paths stay strings, byte for byte; Path would change them.

from __future__ import annotations

import os
from collections.abc import Iterable

from batch.errors import CallError
from batch.paths import printable


class JournalKeys:
    """Turns a film's absolute path into its name in the journal; with `root`, its path below that folder."""

    def __init__(self, root: str | None = None) -> None:
        """Note the folder.

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
        """Return the key of the film at an absolute path.

        Raises:
            CallError: it does not lie below the folder.
        """
        if not self._roots:
            return path
        as_named, resolved = self._roots
        if path.startswith(as_named):
            return path[len(as_named) :]
        # The folder or the film was named through a link: both may be the same place.
        folder, name = os.path.split(path)
        path_resolved = os.path.join(os.path.realpath(folder), name)
        if path_resolved.startswith(resolved):
            return path_resolved[len(resolved) :]
        raise CallError(f"Expected films below --root {printable(as_named)}. Received: {printable(path)}.")

    def check(self, paths: Iterable[str]) -> None:
        """Refuse films outside the folder.

        Raises:
            CallError: one lies outside.
        """
        for path in paths:
            self(path)
