"""What ends the scoring of a folder as a whole; a film that fails is a row, never one of these.

    ScoreError
    ├── CallError              the command cannot do what it was asked: exit status 2
    │   ├── NothingNamed       no argument leads to a film
    │   ├── WrongList          nobody could tell which paths the list on standard input names
    │   ├── UnusableResult     the result cannot be written as asked
    │   ├── JournalRefused     the journal belongs to another run, or to a process at work
    │   ├── WrongAddress       the URL or the key cannot be used
    │   └── WrongKey           the service wants another key
    └── ServiceError          the service let the whole run down: exit status 1
        ├── ServiceGone        nothing was answered for so long that the other films need not be tried
        └── ModelChanged       it answers with another model than at the start

A message says what was expected and what came, and what to do.
"""


class ScoreError(Exception):
    """Anything that ends the scoring of a folder as a whole, with a sentence that says why."""


class CallError(ScoreError):
    """The command cannot do what it was asked."""


class NothingNamed(CallError):
    """No argument leads to a film."""


class WrongList(CallError):
    """Nobody could tell which paths the list on standard input names."""


class UnusableResult(CallError):
    """The result cannot be written as asked."""


class JournalRefused(CallError):
    """The journal cannot be continued, or not now."""


class WrongAddress(CallError):
    """The URL or the key cannot be used."""


class WrongKey(CallError):
    """The service wants another API key; no film would be answered."""


class ServiceError(ScoreError):
    """The service let the whole run down."""


class ServiceGone(ServiceError):
    """Nothing was answered for so long that the other films need not be tried."""


class ModelChanged(ServiceError):
    """The service answers with another model than at the start; one result would hold two models' answers."""
