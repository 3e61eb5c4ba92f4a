"""The domain's errors; they know no HTTP.

    PneumoServeError
    ├── ImageError                 the film that was sent
    │   ├── UnsupportedFormat      its bytes are none of the accepted formats
    │   ├── TooManyPixels          its header promises more than may be decoded
    │   ├── UndecodableImage       truncated, corrupt, or not one gray frame
    │   └── UnsuitableImage        decodable, but no film that the model could read
    ├── RequestError               how it was sent
    │   ├── MissingFile
    │   ├── MalformedForm
    │   ├── InvalidParameter
    │   ├── TooManyBytes
    │   └── SlowBody
    ├── CapacityError              when it was sent
    │   ├── Overloaded
    │   ├── NotReady
    │   └── DeadlineExceeded
    └── ModelError                 the model store
        ├── ModelNotFound
        └── ArtifactRefused        an entry whose files, numbers or calibration do not fit together

A message says what was expected and what came, in words that may be shown to the caller: no path, no file name. Only
a ModelError, which ends the start and reaches no caller, names the folder of the model store.
"""

from __future__ import annotations

import errno
import re

OUT_OF_MEMORY = (
    "The system gave no more memory, or no more threads. Raise what limits them: ulimit -v or -u, the memory or pids "
    "limit of the container."
)
# The C library's words, C++'s, OpenVINO's around them, the loader's of shared libraries, Python's of threads, OpenCV's.
_NO_MEMORY = re.compile(
    "cannot allocate memory|bad_alloc|failed to map segment|resource temporarily unavailable|can't start new thread"
    "|insufficient memory|out of memory",
    re.IGNORECASE,
)


class PneumoServeError(Exception):
    """Anything this project refuses to do, and why."""


class ImageError(PneumoServeError):
    """The film that was sent cannot be used."""


class UnsupportedFormat(ImageError):
    """The bytes are none of the accepted formats."""


class TooManyPixels(ImageError):
    """The header promises more pixels (or JPEG scans) than may be decoded."""


class UndecodableImage(ImageError):
    """The image is truncated, corrupt, or not decodable to one gray frame."""


class UnsuitableImage(ImageError):
    """The image can be decoded, but is too small or too oblong to be a film."""


class RequestError(PneumoServeError):
    """The film was sent in a way that is not accepted."""


class MissingFile(RequestError):
    """There is no image in the request, or more than one."""


class MalformedForm(RequestError):
    """The multipart form cannot be read."""


class InvalidParameter(RequestError):
    """A parameter is unknown, repeated, or has a value that is not accepted."""


class TooManyBytes(RequestError):
    """The body is larger than the service accepts."""


class SlowBody(RequestError):
    """The body did not arrive in time."""


class CapacityError(PneumoServeError):
    """The service cannot take the work now, but may later."""


class Overloaded(CapacityError):
    """The service holds as much work as it takes."""


class NotReady(CapacityError):
    """The model is still loading."""


class DeadlineExceeded(CapacityError):
    """The answer would come after the deadline."""


class ModelError(PneumoServeError):
    """The model cannot be had from the store."""


class ModelNotFound(ModelError):
    """No entry of the store has this name or version."""


class ArtifactRefused(ModelError):
    """The files of an entry do not fit together, or its numbers cannot be reproduced."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one behind it, is that the system gave no more memory or threads."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM):
            return True
        # Libraries raise ImportError, RuntimeError or an error of their own. Ours, and the system's, have said it.
        if not isinstance(cause, (PneumoServeError, OSError)) and _NO_MEMORY.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
