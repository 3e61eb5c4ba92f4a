"""Traces for OpenTelemetry: a span a request, with a child a phase, made when the request is over.

Off, nothing of OpenTelemetry's SDK is imported. Spans tell how long and how it ended, never what was answered.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import time_ns
from typing import TYPE_CHECKING, Protocol

from app.errors import PneumoServeError
from app.inference.manifest import Manifest

if TYPE_CHECKING:
    from opentelemetry.context import Context

FLUSH_SECONDS = 2.0
"""How long the end of the service waits for the last spans to be sent."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class Ended(Protocol):
    """What a span tells of a request that is over: see `Account`."""

    method: str
    path: str
    model: Manifest | None
    seconds: dict[str, float]
    received: int
    status: int
    outcome: str

    @property
    def sent_size(self) -> int:
        """Bytes of the answer."""
        ...

    def header(self, wanted: bytes) -> bytes:
        """Return a header of the request."""
        ...


def open_tracing(environment: Mapping[str, str], version: str) -> Tracing | None:
    """Return what sends traces, or None where OpenTelemetry's variables ask for none.

    Args:
        environment: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/; the SDK reads
            the process's own for what is not checked here.
        version: of the service.

    Raises:
        PneumoServeError: traces are asked for, but cannot be sent; the message names no value.
    """
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none"
    if is_disabled or not any(environment.get(name) for name in _ENDPOINTS):
        return None
    if exporter != "otlp":
        raise PneumoServeError("Expected OTEL_TRACES_EXPORTER to be otlp or none. It is another.")
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        raise PneumoServeError(f"Expected {_PROTOCOLS[1]} to be http/protobuf, on port 4318 by default. It is another.")
    try:
        return Tracing(version)
    except ImportError:
        raise PneumoServeError("Expected OpenTelemetry. Install it: pip install 'pneumoserve[tracing]'.") from None
    except ValueError:
        raise PneumoServeError("Expected values of OTEL_ variables that OpenTelemetry takes. One is none.") from None


class Tracing:
    """Sends spans in batches from a thread of its own; where the collector is down they are dropped."""

    def __init__(self, version: str) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        ours = {"service.name": "pneumoserve", "service.version": version}
        resource = Resource.create({**ours, **OTELResourceDetector().detect().attributes})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("pneumoserve", version)

    def record(self, request: Ended) -> None:
        """Make the spans of a request; its phases are laid one behind the other from its beginning."""
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        end = time_ns()
        at = begun = end - _nanoseconds(request.seconds["total"])
        is_known = request.path != "other"
        span = self._tracer.start_span(
            f"{request.method} {request.path}" if is_known else request.method,
            context=_parent(request.header(b"traceparent")),
            kind=SpanKind.SERVER,
            attributes=_attributes(request),
            start_time=begun,
        )
        if not span.is_recording():
            return
        if request.status >= 500:
            span.set_status(StatusCode.ERROR)
        within = set_span_in_context(span)
        for phase, spent in request.seconds.items():
            if phase != "total":
                child = self._tracer.start_span(phase, context=within, start_time=at)
                at = min(at + _nanoseconds(spent), end)
                child.end(at)
        span.end(end)

    def close(self) -> None:
        """Send what is left, for `FLUSH_SECONDS` at most."""
        flushing = threading.Thread(target=self._provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)


def _parent(traceparent: bytes) -> Context:
    """Return the caller's span (https://www.w3.org/TR/trace-context/), without its tracestate, which is free text."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent.decode("latin-1")})


def _attributes(request: Ended) -> dict[str, str | int]:
    """Return OpenTelemetry's HTTP attributes and ours: of few values, none of which is a caller's."""
    attributes: dict[str, str | int] = {
        "http.request.method": request.method,
        "http.request.body.size": request.received,
        "http.response.body.size": request.sent_size,
        "pneumoserve.outcome": request.outcome,
    }
    if request.path != "other":
        attributes["http.route"] = request.path
    if request.status:
        attributes["http.response.status_code"] = request.status
    if request.outcome != "ok":
        attributes["error.type"] = request.outcome
    if request.model is not None:
        attributes["pneumoserve.model.name"] = request.model.name
        attributes["pneumoserve.model.version"] = request.model.version
        attributes["pneumoserve.model.sha256"] = request.model.sha256.model_keras
    return attributes


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
