"""Errors of `score`, that end the whole scoring, and of the Python client, of one call.

    ScoreError                 a film that fails is a row
    ├── CallError              exit status 2
    │   ├── NothingNamed
    │   ├── WrongList
    │   ├── UnusableResult
    │   ├── JournalRefused
    │   ├── UnusableAddress
    │   ├── WrongAddress
    │   ├── WrongKey
    │   └── NoCluster
    └── ServiceError           exit status 1
        ├── ServiceGone
        ├── ModelChanged
        ├── StoreFailed
        └── JobFailed

    ClientError
    ├── Problem                the service's own, with its slug and status
    ├── NoAnswer
    ├── UnexpectedAnswer
    └── WrongAddress

A message says what was expected, what came and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch.answer import Answer


class ClientError(Exception):
    """What a call of the Python client ends with instead of an answer."""


class Problem(ClientError):
    """A failure that the service, or a proxy before it, answered with.

    Attributes:
        slug: of docs/problems.md, as `unsuitable-image`; `http-<status>` where another server answered.
        status: of HTTP.
        title: the same for every problem with this slug.
        detail: what was expected and what came; empty where the answer does not say.
        request_id: finds the line in the service's log; None where another server answered.
    """

    def __init__(self, slug: str, status: int, title: str, detail: str, request_id: str | None) -> None:
        super().__init__(slug, status, title, detail, request_id)
        self.slug, self.status, self.title, self.detail, self.request_id = slug, status, title, detail, request_id

    def __str__(self) -> str:
        request = f" (request {self.request_id})" if self.request_id and self.status >= 500 else ""
        return f"{self.status} {self.title}{': ' if self.detail else ''}{self.detail}{request}"


class NoAnswer(ClientError):
    """Nobody answered, however often it was tried."""


class UnexpectedAnswer(ClientError):
    """A success that is no answer of this service."""


class ScoreError(Exception):
    """What ends the whole scoring."""


class CallError(ScoreError):
    """The call cannot be carried out."""


class NothingNamed(CallError):
    """No argument leads to a film."""


class WrongList(CallError):
    """The list on standard input is ambiguous."""


class UnusableAddress(CallError):
    """A URL leads to no store; of a film, its row says so."""


class UnusableResult(CallError):
    """The result cannot be written."""


class JournalRefused(CallError):
    """Another run or process has the journal."""


class WrongAddress(CallError, ClientError):
    """The URL or the key cannot be used."""


class WrongKey(CallError):
    """The API key cannot be read, or the service wants another."""


class ServiceError(ScoreError):
    """The service failed the whole run."""


class ServiceGone(ServiceError):
    """The service no longer answers; `answer` is the last one, or what was lost."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail or f"status {answer.status}")
        self.answer = answer


class ModelChanged(ServiceError):
    """The service's model differs from the journal's."""


class StoreFailed(ServiceError):
    """The films, or the parts written, can no longer be reached."""


class NoCluster(CallError):
    """No Ray cluster is at the address, or none of its CPUs is free."""


class JobFailed(ServiceError):
    """The Ray cluster failed the whole run."""
