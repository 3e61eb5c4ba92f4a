from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from tests.running import Running


def test_whatever_the_schema_allows_is_answered_as_it_says(server: Running) -> None:
    """Generated requests never meet a failure of ours."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:

        @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: Case) -> None:
            case.validate_response(case.call(), checks=[not_a_server_error, response_schema_conformance])

        check()
    assert {operation.path for operation in operations} >= {"/predict", "/health", "/model"}
