"""Metrics for Prometheus, with bounded labels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.inference.artifact import Entry
from app.inference.score_drift import ScoreDrift, read_reference

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one service, in its own registry: two in a process do not mix."""

    def __init__(self, in_flight: Callable[[], int], bytes_held: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "pneumoserve_requests", "Requests that send a film, by ok or problem", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "pneumoserve_request_seconds", "Seconds of such a request", ["phase"], buckets=_SECONDS, registry=registry
        )
        self._batch = Histogram(
            "pneumoserve_batch_size", "Films computed together", buckets=(1, 2, 4, 8, 16, 32), registry=registry
        )
        self._probability = Histogram(
            "pneumoserve_probability",
            "Probabilities answered",
            buckets=[tenth / 10 for tenth in range(1, 11)],
            registry=registry,
        )
        referred = Counter("pneumoserve_films", "Films answered, by refer", ["refer"], registry=registry)
        self._referred = {refers: referred.labels(str(refers).lower()) for refers in (False, True)}
        self._gate = Counter(
            "pneumoserve_gate",
            "Films that the gate saw, by verdict and reason",
            ["verdict", "reason"],
            registry=registry,
        )
        Gauge("pneumoserve_bytes_held", "Bytes of bodies in memory", registry=registry).set_function(bytes_held)
        Gauge("pneumoserve_in_flight", "Films decoded, waiting or computed", registry=registry).set_function(in_flight)
        self._drift = ScoreDrift(None)
        Gauge(
            "pneumoserve_score_drift",
            "Population stability index of the last films' scores against the model's validation films",
            registry=registry,
        ).set_function(lambda: self._drift.index())
        self._reloads = Counter(
            "pneumoserve_reloads", "Models chosen while it runs, by swapped or refused", ["outcome"], registry=registry
        )
        self._model = Info("pneumoserve_model", "The model that answers", registry=registry)
        # Prometheus checks labels anew each time, and locks.
        self._outcome, self._phase = functools.cache(self._requests.labels), functools.cache(self._seconds.labels)
        self._found = functools.cache(self._gate.labels)

    def count_request(self, outcome: str, seconds: dict[str, float]) -> None:
        """Count a finished request that sent a film: `ok`, `client-gone` or a problem's slug; `seconds` by phase."""
        self._outcome(outcome).inc()
        for phase, spent in seconds.items():
            self._phase(phase).observe(spent)

    def count_film(self, probability: float, logit: float, *, is_referred: bool) -> None:
        """Count one prediction, as a batch of one."""
        self._batch.observe(1)
        self._drift.observe(logit)
        self._referred[is_referred].inc()
        self._probability.observe(probability)

    def count_gate(self, verdict: str, reason: str | None) -> None:
        """Count one film by the gate's verdict, or `refused`, and its reason; both of few values."""
        self._found(verdict, reason or "").inc()

    def count_reload(self, outcome: Literal["swapped", "refused"]) -> None:
        """Count a model that was chosen while the service ran."""
        self._reloads.labels(outcome).inc()

    def name_model(self, entry: Entry) -> None:
        """Name the model that answers from now on; its scores are compared with its own validation films'."""
        manifest = entry.manifest
        self._drift = ScoreDrift(read_reference(entry.folder))
        self._model.info({"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256.model_keras})

    def expose(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)
