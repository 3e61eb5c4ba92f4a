"""What an answer of the service means: the row that it becomes, and whether asking again could change it."""

from __future__ import annotations

from batch.client import Answer
from batch.results import Row

# A film that was refused for what it is will be refused again; anything else may go better another time.
_SETTLED = {200, 400, 413, 415, 422}
_UNEXPECTED = "unexpected-answer"


def is_settled(row: Row) -> bool:
    """Tell whether the film need not be sent again when the command is started again."""
    return row.http_status in _SETTLED and row.error != _UNEXPECTED


def must_be_sent(row: Row, *, retry_failed: bool) -> bool:
    """Tell whether the film is sent again even where its bytes are the same; `retry_failed` takes all that failed."""
    return not is_settled(row) or (retry_failed and row.error is not None)


def row_from(answer: Answer, path: str, seconds: float) -> Row:
    """Turn an answer to `POST /predict` into the row of the film at `path`, which took `seconds`."""
    row = Row(path, http_status=answer.status, seconds=round(seconds, 6))
    if answer.status is None:
        row.error, row.error_detail = answer.lost, answer.detail
    elif answer.status == 200:
        _fill(row, answer)
    else:
        row.error, row.error_detail = _problem(answer)
    return row


def _fill(row: Row, answer: Answer) -> None:
    told = answer.json() or {}
    try:
        row.predicted = str(told["class"])
        row.probability = float(told["probability"])
        row.refer = bool(told["refer"])
        row.operating_point = str(told["operating_point"]["name"])
        row.threshold = float(told["operating_point"]["threshold"])
        row.warnings = [str(warning["code"]) for warning in told["warnings"]]
        row.model = f"{told['model']['name']}/{told['model']['version']}"
        row.model_sha256 = str(told["model"]["sha256"])
    except (TypeError, KeyError, ValueError) as error:
        row.error = _UNEXPECTED
        row.error_detail = f"Expected an answer of /predict. Received one without it ({type(error).__name__}: {error})."


def _problem(answer: Answer) -> tuple[str, str | None]:
    told = answer.json()
    if told is None:
        return f"http-{answer.status}", answer.body[:200].decode("utf-8", "replace").strip() or None
    slug = str(told.get("type", "")).rpartition("/")[2]
    detail = told.get("detail") or told.get("title")
    request = f" (request {told['request_id']})" if "request_id" in told and (answer.status or 0) >= 500 else ""
    return slug or f"http-{answer.status}", f"{detail}{request}" if detail else None
