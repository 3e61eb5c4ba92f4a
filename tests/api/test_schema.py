from __future__ import annotations

import schemathesis
from hypothesis import given
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.fuzzing import Tally, bounded
from tests.running import Running


def test_whatever_the_schema_allows_is_answered_as_it_says(server: Running, tally: Tally) -> None:
    """Generated requests never meet a failure of ours."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:

        @bounded(15)
        @given(case=operation.as_strategy())
        def check(case: Case) -> None:
            with tally.one():
                case.validate_response(case.call(), checks=[not_a_server_error, response_schema_conformance])

        check()
    assert {operation.path for operation in operations} >= {"/predict", "/health", "/model"}
