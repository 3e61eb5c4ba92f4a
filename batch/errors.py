"""Errors that end the whole scoring; a film that fails is a row.

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

A message says what was expected, what came and what to do.
"""


class ScoreError(Exception):
    """What ends the whole scoring."""


class CallError(ScoreError):
    """The call cannot be carried out."""


class NothingNamed(CallError):
    """No argument leads to a film."""


class WrongList(CallError):
    """The list on standard input is ambiguous."""


class UnusableResult(CallError):
    """The result cannot be written."""


class JournalRefused(CallError):
    """Another run or process has the journal."""


class WrongAddress(CallError):
    """The URL or the key cannot be used."""


class WrongKey(CallError):
    """The API key cannot be read, or the service wants another."""


class ServiceError(ScoreError):
    """The service failed the whole run."""


class ServiceGone(ServiceError):
    """The service no longer answers."""


class ModelChanged(ServiceError):
    """The service's model differs from the journal's."""
