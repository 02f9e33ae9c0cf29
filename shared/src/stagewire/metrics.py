"""Counts and times of requests, kept as plain numbers so that nothing is imported to serve them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

# Seconds; from a compiled single row to the platform's 60 s limit.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


@dataclass(slots=True)
class Metrics:
    """The counts that `/metrics` shows; one event loop writes them."""

    requests: dict[int, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0
    in_flight: int = 0
    queued: int = 0
    batches: int = 0
    batched_requests: int = 0
    batched_rows: int = 0

    def observe(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests[status] = self.requests.get(status, 0) + 1
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds


@dataclass(frozen=True, slots=True, eq=False)
class Collector:
    """Shows the counts to prometheus_client, which is imported when `/metrics` is first asked.

    `worker` names the process where several answer on one port: each counts for itself, and a
    scrape reaches one of them.
    """

    metrics: Metrics
    stage: str
    worker: str | None = None

    def collect(self) -> Iterable[Metric]:
        """Return the families of metrics."""
        from prometheus_client import core

        counts = self.metrics
        requests = core.CounterMetricFamily(
            "stagewire_requests", "Requests to /invocations.", labels=[*self._labels, "status"]
        )
        for status, count in sorted(counts.requests.items()):
            requests.add_metric([*self._labels.values(), str(status)], count)
        seconds = core.HistogramMetricFamily(
            "stagewire_request_seconds", "Time to answer.", labels=[*self._labels]
        )
        seconds.add_metric([*self._labels.values()], self._cumulative(), counts.seconds)
        yield requests
        yield seconds
        for name, text, value in (
            ("requests_in_flight", "Requests being answered.", counts.in_flight),
            ("requests_queued", "Requests queued.", counts.queued),
        ):
            yield self._add(core.GaugeMetricFamily, name, text, value)
        for name, text, value in (
            ("batches", "Computations for one or more requests.", counts.batches),
            ("batched_requests", "Requests computed in batches.", counts.batched_requests),
            ("batched_rows", "Rows computed in batches.", counts.batched_rows),
        ):
            yield self._add(core.CounterMetricFamily, name, text, value)

    @property
    def _labels(self) -> dict[str, str]:
        return {"stage": self.stage, **({"worker": self.worker} if self.worker else {})}

    def _add(self, kind: Any, name: str, text: str, value: float) -> Metric:
        family: Metric = kind(f"stagewire_{name}", text, labels=[*self._labels])
        kind.add_metric(family, [*self._labels.values()], value)
        return family

    def _cumulative(self) -> list[tuple[str, float]]:
        total, found = 0, []
        for bound, count in zip((*BUCKETS, float("inf")), self.metrics.buckets, strict=True):
            total += count
            found.append((_bound(bound), float(total)))
        return found


def _bound(bound: float) -> str:
    """Write a bucket's bound as Prometheus does."""
    return "+Inf" if bound == float("inf") else str(float(bound))


def render(metrics: Metrics, stage: str, worker: str | None = None) -> bytes:
    """Write the metrics in Prometheus' text form."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(Collector(metrics, stage, worker))
    return generate_latest(registry)
