"""Counts and times of requests, kept as plain numbers so that nothing is imported to serve them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

# Seconds; from a compiled single row to the platform's 60 s limit.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


@dataclass(slots=True)
class Metrics:
    """What `/metrics` tells; one event loop writes it."""

    requests: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    in_flight: int = 0
    queued: int = 0

    def observe(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests[status] = self.requests.get(status, 0) + 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


@dataclass(frozen=True, slots=True, eq=False)
class Collector:
    """Shows the counts to prometheus_client, which is imported when `/metrics` is first asked."""

    metrics: Metrics
    stage: str

    def collect(self) -> Iterable[Metric]:
        """Return the families of metrics."""
        from prometheus_client import core

        requests = core.CounterMetricFamily(
            "stagewire_requests", "Requests to /invocations.", labels=["stage", "status"]
        )
        for status, count in sorted(self.metrics.requests.items()):
            requests.add_metric([self.stage, str(status)], count)
        seconds = core.HistogramMetricFamily(
            "stagewire_request_seconds", "Time to answer.", labels=["stage"]
        )
        seconds.add_metric([self.stage], self._cumulative(), self.metrics.seconds)
        yield requests
        yield seconds
        for name, value in (("in_flight", self.metrics.in_flight), ("queued", self.metrics.queued)):
            gauge = core.GaugeMetricFamily(
                f"stagewire_requests_{name}", f"Requests {name}.", labels=["stage"]
            )
            gauge.add_metric([self.stage], value)
            yield gauge

    def _cumulative(self) -> list[tuple[str, float]]:
        total, found = 0, []
        for bound, count in zip((*BUCKETS, float("inf")), self.metrics.buckets, strict=True):
            total += count
            found.append((core_bound(bound), float(total)))
        return found


def core_bound(bound: float) -> str:
    """Write a bucket's bound as Prometheus does."""
    return "+Inf" if bound == float("inf") else str(float(bound))


def render(metrics: Metrics, stage: str) -> bytes:
    """Write the metrics in Prometheus' text form."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Collector(metrics, stage))
    return generate_latest(registry)
