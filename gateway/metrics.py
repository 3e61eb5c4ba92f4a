"""The gateway's `/metrics`: counts by state, no identities."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.outbox import Outbox
from gateway.polling import Poller
from gateway.receiver import Receiver
from gateway.worker import Worker


class _Counts(Collector):
    def __init__(self, outbox: Outbox, worker: Worker, source: Receiver | Poller) -> None:
        self._outbox, self._worker, self._source = outbox, worker, source

    def collect(self) -> Iterable[Metric]:
        films = GaugeMetricFamily("pneumoserve_gateway_films", "Films of the outbox", labels=["state"])
        for state, count in self._outbox.counts().items():
            films.add_metric([state], count)
        yield films
        oldest = self._outbox.oldest_waiting()
        waiting = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        yield GaugeMetricFamily(
            "pneumoserve_gateway_oldest_waiting_seconds", "How long the oldest film waits in its state", value=waiting
        )
        for name, text, value in (
            ("delivered", "Results that arrived", self._worker.delivered),
            ("errors", "Answers that were errors, of service and destination", self._worker.errors),
            ("ignored", "Objects that are no films, own results included", self._source.ignored),
        ):
            yield CounterMetricFamily(f"pneumoserve_gateway_{name}", text, value=value)


def gateway_registry(outbox: Outbox, worker: Worker, source: Receiver | Poller) -> CollectorRegistry:
    """Return what `/metrics` shows."""
    registry = CollectorRegistry()
    registry.register(_Counts(outbox, worker, source))
    return registry
