"""The row that an answer of the service becomes, and whether it is final."""

from __future__ import annotations

import json

import pytest

from batch.answer import Answer, is_settled, must_be_sent, row_from


def problem(status: int) -> Answer:
    body = {"type": "/problems/slug", "title": "Title", "detail": "Expected better.", "request_id": "r1"}
    return Answer(status, json.dumps(body).encode())


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_film_that_was_refused_for_what_it_is_is_not_sent_again(status: int) -> None:
    """Unless all that failed shall be."""
    row = row_from(problem(status), "/film", 0.25)

    assert is_settled(row)
    assert not must_be_sent(row, retry_failed=False)
    assert must_be_sent(row, retry_failed=True)


@pytest.mark.parametrize("status", [404, 408, 429, 500, 502, 503, 504])
def test_any_other_failure_may_pass(status: int) -> None:
    assert not is_settled(row_from(problem(status), "/film", 0.25))


@pytest.mark.parametrize(("status", "detail"), [(499, "Expected better."), (500, "Expected better. (request r1)")])
def test_a_failure_of_the_service_names_its_request(status: int, detail: str) -> None:
    """So that it can be found in the log; a film's own fault needs none."""
    row = row_from(problem(status), "/film", 0.25)
    assert (row.path, row.http_status, row.error, row.error_detail) == ("/film", status, "slug", detail)


def test_an_answer_of_another_server_keeps_its_beginning() -> None:
    """Its first 200 bytes, decodable or not."""
    row = row_from(Answer(502, b"<html>\xff" + b"x" * 300), "/film", 0.25)
    assert (row.error, row.error_detail) == ("http-502", "<html>\N{REPLACEMENT CHARACTER}" + "x" * 193)


def test_success_without_a_prediction_is_an_error_that_may_pass() -> None:
    row = row_from(Answer(200, b"{}"), "/film", 0.25)
    assert row.error == "unexpected-answer"
    assert not is_settled(row)
