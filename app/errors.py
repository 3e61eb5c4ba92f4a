"""The domain's errors; they know no HTTP.

PneumoServeError
  ImageError: UnsupportedFormat, TooManyPixels, UndecodableImage, UnsuitableImage
  RequestError: MissingFile, MalformedForm, InvalidParameter, TooManyBytes, SlowBody, Unauthorized, UnknownModel
  CapacityError: Overloaded, NotReady, DeadlineExceeded
  ModelError: ModelNotFound, ArtifactRefused

A message says what was expected and what came, and may be shown to the caller: no path, no file name. Only a
ModelError, which ends the start and reaches no caller, names the model store's folder.
"""

from __future__ import annotations

import errno
import re

OUT_OF_MEMORY = (
    "The system gave no more memory, or no more threads. Raise what limits them: ulimit -v or -u, the memory or pids "
    "limit of the container."
)
# Of the C library, C++, OpenVINO, the loader of shared libraries, Python's threads, OpenCV.
_NO_MEMORY = re.compile(
    "cannot allocate memory|bad_alloc|failed to map segment|resource temporarily unavailable|can't start new thread"
    "|insufficient memory|out of memory",
    re.IGNORECASE,
)


class PneumoServeError(Exception):
    """Anything that this project refuses, and why."""


class ImageError(PneumoServeError):
    """The film cannot be used."""


class UnsupportedFormat(ImageError):
    """None of the accepted formats."""


class TooManyPixels(ImageError):
    """The header promises more pixels or JPEG scans than may be decoded."""


class UndecodableImage(ImageError):
    """Truncated, corrupt, or not decodable to one gray frame."""


class UnsuitableImage(ImageError):
    """Too small or too oblong for a film, or refused by the gate, which gives one of its reasons."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class RequestError(PneumoServeError):
    """The film was not sent as accepted."""


class MissingFile(RequestError):
    """No image in the request, or several."""


class MalformedForm(RequestError):
    """An unreadable form."""


class InvalidParameter(RequestError):
    """A parameter is unknown, repeated, or has a wrong value."""


class TooManyBytes(RequestError):
    """The body is too large."""


class SlowBody(RequestError):
    """The body came too slowly."""


class Unauthorized(RequestError):
    """No API key came, or a wrong one."""


class UnknownModel(RequestError):
    """The address names another model than the one that runs."""


class CapacityError(PneumoServeError):
    """The service cannot take the work now, but may later."""


class Overloaded(CapacityError):
    """The service holds as much work as it takes; in `retry_after` seconds there may be room."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReady(CapacityError):
    """The model is still loading, or the service about to end."""


class DeadlineExceeded(CapacityError):
    """The deadline passed before the answer."""


class ModelError(PneumoServeError):
    """The store cannot give the model."""


class ModelNotFound(ModelError):
    """No entry has this name or version."""


class ArtifactRefused(ModelError):
    """An entry's files do not fit together, or its numbers are not reproduced."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one behind it, says that the system gave no more memory or threads."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM):
            return True
        # Libraries raise ImportError, RuntimeError or their own; ours and the system's have said what is wrong.
        if not isinstance(cause, (PneumoServeError, OSError)) and _NO_MEMORY.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
