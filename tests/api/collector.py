"""A collector of OpenTelemetry's traces, on a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.local_server import LocalServer, QuietHandler


@dataclass
class Collector:
    """Takes OTLP over HTTP, and keeps each request as it came."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [attributes_of(block.resource) for request in self._requests() for block in request.resource_spans]

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self._requests()
            for block in request.resource_spans
            for scope in block.scope_spans
            for span in scope.spans
        ]

    def servers(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.kind == span.SPAN_KIND_SERVER and span.name == name]

    def children(self, parent: Any) -> list[Any]:
        found = [span for span in self.spans if span.parent_span_id == parent.span_id]
        return sorted(found, key=lambda span: int(span.start_time_unix_nano))

    def _requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in list(self.raw)]


def attributes_of(holder: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, str(pair.value.WhichOneof("value")))  # type: ignore[misc]
        for pair in holder.attributes
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen until the end of the block."""
    kept = Collector()

    class Take(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - named by http.server
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                kept.raw.append(body)
            self.reply(200, b"", "application/x-protobuf")

    server = LocalServer(Take)
    kept.url = server.url
    yield kept
    server.stop()
