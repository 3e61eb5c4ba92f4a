"""Addresses of films, manifests and results: local paths, or URLs that fsspec opens."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from batch.errors import CallError, UnusableAddress

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://")


def is_url(address: str) -> bool:
    """Return whether an address begins with a scheme, as `s3://bucket/film.jpeg` does."""
    return _SCHEME.match(address) is not None


def local_path(address: str) -> str:
    """Return the path that a `file://` URL names; any other address as it is."""
    return url2pathname(urlsplit(address).path) if address.startswith("file://") else address


def open_store(url: str) -> tuple[Any, str]:
    """Return fsspec's file system of a URL, and the path in it. Credentials are those of its library's environment.

    Raises:
        CallError: no library for this scheme is installed.
        UnusableAddress: none exists, or the URL is several in one.
    """
    scheme = url.partition("://")[0]
    if "::" in url:  # fsspec would open what stands before it, which is another object
        raise UnusableAddress("Expected a URL without ::, which fsspec takes for several. Received one with it.")
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(url)
    except ImportError as error:
        reason = f"{scheme}:// needs a library that is not installed ({error}). Run `make install-archive`."
        raise CallError(reason) from None
    except (TypeError, ValueError) as error:
        raise UnusableAddress(f"Expected a path, s3://, gs:// or file://. Received {scheme}:// ({error}).") from None
    return system, str(path)
