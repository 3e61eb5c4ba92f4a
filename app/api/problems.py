"""The one table error class → status, and the one JSON shape of every failure (RFC 9457)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from app import errors
from app.discard import DISCARD_BYTES, DISCARD_SECONDS

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True)
class Problem:
    """One kind of failure: its slug, its status, and a title that is the same every time.

    `retry`: with `Retry-After`. `discard`: answered before the body was read. `challenge`: with `WWW-Authenticate`.
    """

    slug: str
    status: int
    title: str
    retry: bool = False
    discard: bool = False
    challenge: bool = False

    def body(self, detail: str, request_id: str) -> dict[str, str | int]:
        """Return the answer's fields."""
        return {
            "type": f"/problems/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": detail,
            "request_id": request_id,
        }


SCHEMA = {
    "title": "Problem",
    "description": "Any failure, as RFC 9457 describes it.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "/problems/<slug>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was expected and what came"},
        "request_id": {"type": "string"},
        "error": {"type": "string", "description": "the detail again, under /v2 only: its clients read this"},
    },
}
_DETAILS = Path(__file__).parent / "examples" / "problems.json"
_REQUEST_ID = "ccf5ceba0c2fb76c9897810dde3f18aa"
_RETRY_AFTER = {"schema": {"type": "integer"}, "description": "Seconds after which to try again."}

INTERNAL_ERROR = Problem("internal-error", 500, "The service failed")
NOT_FOUND = Problem("not-found", 404, "There is nothing at this address", discard=True)
METHOD_NOT_ALLOWED = Problem("method-not-allowed", 405, "This address answers other methods", discard=True)

PROBLEMS: dict[type[errors.PneumoServeError], Problem] = {
    errors.MissingFile: Problem("missing-file", 400, "There is no image in the request"),
    errors.MalformedForm: Problem("malformed-form", 400, "The form cannot be read"),
    errors.Unauthorized: Problem("unauthorized", 401, "An API key is needed", discard=True, challenge=True),
    errors.SlowBody: Problem("slow-body", 408, "The body came too slowly", discard=True),
    errors.TooManyBytes: Problem("too-many-bytes", 413, "The body is too large", discard=True),
    errors.TooManyPixels: Problem("too-many-pixels", 413, "The image has too many pixels"),
    errors.UnsupportedFormat: Problem("unsupported-format", 415, "The image is in none of the accepted formats"),
    errors.UndecodableImage: Problem("undecodable-image", 422, "The image cannot be decoded"),
    errors.UnsuitableImage: Problem("unsuitable-image", 422, "The image cannot be a chest film"),
    errors.InvalidParameter: Problem("invalid-parameter", 422, "A parameter is not accepted", discard=True),
    errors.Overloaded: Problem("overloaded", 429, "The service has as much work as it takes", retry=True, discard=True),
    errors.NotReady: Problem("not-ready", 503, "The service is not ready", retry=True, discard=True),
    errors.DeadlineExceeded: Problem("deadline-exceeded", 504, "The answer took too long"),
}


def problem_of(error: errors.PneumoServeError) -> Problem:
    """Return the problem of an error; one that is not in the table is ours."""
    return NOT_FOUND if isinstance(error, errors.UnknownModel) else PROBLEMS.get(type(error), INTERNAL_ERROR)


def document(*problems: Problem, has_error: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of problems, by status, with an example each; one description names all.

    `has_error`: as they are under `/v2`.
    """
    details = json.loads(_DETAILS.read_text())
    by_status: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        slug = f"`{problem.slug}`"
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        known = by_status.setdefault(problem.status, {"content": {MEDIA_TYPE: content}})
        known["description"] = f"{known['description']}, {slug}" if "description" in known else slug
        value = problem.body(details[problem.slug], _REQUEST_ID)
        if has_error:
            value["error"] = details[problem.slug]
        known["content"][MEDIA_TYPE]["examples"][problem.slug] = {"summary": problem.title, "value": value}
        if problem.retry:
            known["headers"] = {"Retry-After": _RETRY_AFTER}
    return by_status


class ProblemResponse(Response):
    """A failure as `application/problem+json`.

    Where the body was not read, the answer goes out at once, and up to 8 MB or 2 s of the body are thrown away before
    the connection closes: a client that is still sending would otherwise never see the answer.
    """

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, detail: str, request_id: str, headers: dict[str, str] | None = None) -> None:
        headers = {**NO_STORE, **(headers or {})}
        if problem.retry:
            headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
        if problem.challenge:
            headers["WWW-Authenticate"] = 'ApiKey realm="PneumoServe", header="X-API-Key"'
        self._fields = problem.body(detail, request_id)
        super().__init__(json.dumps(self._fields, ensure_ascii=False), problem.status, headers)
        self.problem = problem

    def add_error(self) -> None:
        """Repeat the detail as `error`, which clients of `/v2` read."""
        self.body = self.render(json.dumps({**self._fields, "error": self._fields["detail"]}, ensure_ascii=False))
        self.headers["content-length"] = str(len(self.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; see the class."""
        scope.setdefault("state", {})["outcome"] = self.problem.slug
        if f"{scope['path']}/".startswith("/v2/"):
            self.add_error()
        if not (self.problem.discard and _has_body(scope)):
            await super().__call__(scope, receive, send)
            return
        headers = [*self.raw_headers, (b"connection", b"close")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        await _discard_body(receive)
        await send({"type": "http.response.body", "body": b""})


def _has_body(scope: Scope) -> bool:
    """Return whether a body came that nobody has read."""
    return not scope["state"].get("body_was_read", False) and any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


async def _discard_body(receive: Receive) -> None:
    left, deadline = DISCARD_BYTES, monotonic() + DISCARD_SECONDS
    while left > 0:
        try:
            message = await asyncio.wait_for(receive(), deadline - monotonic())
        except TimeoutError:
            return
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))


def respond(error: errors.PneumoServeError, request_id: str) -> ProblemResponse:
    """Return the answer for a domain error."""
    problem = problem_of(error)
    detail = str(error) if problem is not INTERNAL_ERROR else "The service failed. Its log tells more."
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, errors.Overloaded) else None
    return ProblemResponse(problem, detail, request_id, headers)
