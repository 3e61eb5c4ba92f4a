"""What ends the scoring of a set of films as a whole; a film that fails is a row, never one of these.

    ScoreError
    ├── CallError              exit status 2
    │   ├── NothingNamed
    │   ├── WrongList
    │   ├── UnusableResult
    │   ├── JournalRefused
    │   ├── WrongAddress
    │   └── WrongKey
    └── ServiceError           exit status 1
        ├── ServiceGone
        └── ModelChanged

A message says what was expected, what came, and what to do.
"""


class ScoreError(Exception):
    """Anything that ends the scoring as a whole, with a sentence that says why."""


class CallError(ScoreError):
    """The command cannot do what it was asked."""


class NothingNamed(CallError):
    """No argument leads to a film."""


class WrongList(CallError):
    """It is not clear which paths the list on standard input names."""


class UnusableResult(CallError):
    """The result cannot be written as asked."""


class JournalRefused(CallError):
    """The journal belongs to another run, or to a process at work."""


class WrongAddress(CallError):
    """The URL or the key cannot be used."""


class WrongKey(CallError):
    """The service wants another API key."""


class ServiceError(ScoreError):
    """The service failed the whole run."""


class ServiceGone(ServiceError):
    """Nothing was answered for so long that the other films need not be tried."""


class ModelChanged(ServiceError):
    """The service answers with another model than at the start."""
