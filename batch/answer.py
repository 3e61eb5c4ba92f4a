"""The service's answer: as a problem, or as a film's row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from batch.errors import Problem
from batch.results import Row

# Refused for what it is, a film is refused again; any other failure may pass.
_SETTLED = {200, 400, 413, 415, 422}
_UNEXPECTED = "unexpected-answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body; or no status, and an error slug in `lost`. `retry_after` is in seconds."""

    status: int | None
    body: bytes = b""
    retry_after: float | None = None
    lost: str | None = None
    detail: str | None = None

    def json(self) -> dict[str, Any] | None:
        """Return the body where it is a JSON object, else None."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


def read_problem(answer: Answer) -> Problem:
    """Return the problem of an answer with a status; another server's too, with what its body begins with."""
    status = answer.status or 0
    body = answer.json()
    text = answer.body[:200].decode("utf-8", "replace").strip() if body is None else ""
    body = body or {}
    title = body.get("title") or (HTTPStatus(status).phrase if status in set(HTTPStatus) else "")
    slug = str(body.get("type", "")).rpartition("/")[2] or f"http-{status}"
    request_id = body.get("request_id")
    detail = body.get("detail") or body.get("title") or text
    return Problem(slug, status, str(title), str(detail), None if request_id is None else str(request_id))


def is_settled(row: Row) -> bool:
    """Return whether no later start need send the film again."""
    return row.http_status in _SETTLED and row.error != _UNEXPECTED


def must_be_sent(row: Row, *, retry_failed: bool) -> bool:
    """Return whether to send an unchanged film again; `retry_failed`: every one that failed."""
    return not is_settled(row) or (retry_failed and row.error is not None)


def row_from(answer: Answer, path: str, seconds: float) -> Row:
    """Return the row of the film at `path`, from the answer of `POST /predict` after `seconds`."""
    row = Row(path, http_status=answer.status, seconds=round(seconds, 6))
    if answer.status is None:
        row.error, row.error_detail = answer.lost, answer.detail
    elif answer.status == 200:
        _fill(row, answer)
    else:
        problem = read_problem(answer)
        request = f" (request {problem.request_id})" if problem.request_id and problem.status >= 500 else ""
        row.error, row.error_detail = problem.slug, f"{problem.detail}{request}" if problem.detail else None
    return row


def _fill(row: Row, answer: Answer) -> None:
    body = answer.json() or {}
    try:
        row.predicted = str(body["class"])
        row.probability = float(body["probability"])
        row.refer = bool(body["refer"])
        row.operating_point = str(body["operating_point"]["name"])
        row.threshold = float(body["operating_point"]["threshold"])
        row.warnings = [str(warning["code"]) for warning in body["warnings"]]
        row.model = f"{body['model']['name']}/{body['model']['version']}"
        row.model_sha256 = str(body["model"]["sha256"])
    except (TypeError, KeyError, ValueError) as error:
        row.error = _UNEXPECTED
        row.error_detail = f"Expected an answer of /predict. Received one without it ({type(error).__name__}: {error})."
