"""The version of this package, from its metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def package_version() -> str:
    """Return the installed version, or "0" without one."""
    try:
        return version("pneumoserve")
    except PackageNotFoundError:
        return "0"
