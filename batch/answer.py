"""The service's answer to a film, as a row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

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
        row.error, row.error_detail = _problem(answer)
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


def _problem(answer: Answer) -> tuple[str, str | None]:
    body = answer.json()
    if body is None:
        return f"http-{answer.status}", answer.body[:200].decode("utf-8", "replace").strip() or None
    slug = str(body.get("type", "")).rpartition("/")[2]
    detail = body.get("detail") or body.get("title")
    request = f" (request {body['request_id']})" if "request_id" in body and (answer.status or 0) >= 500 else ""
    return slug or f"http-{answer.status}", f"{detail}{request}" if detail else None
