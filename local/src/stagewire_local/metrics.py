"""Counts what the platform counts of endpoints, by the minute, until CloudWatch is asked for it.

Nothing is published on a clock: moto takes 60 MB, and a door that nobody asks for metrics never
loads it. Names, units and dimensions: monitoring-cloudwatch and async-inference-monitor.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "AWS/SageMaker"
TIMES = {"ModelLatency", "OverheadLatency", "TimeInBacklog", "TotalProcessingTime"}
CLIENT, SERVER = 4, 5  # the hundreds of a status
# Of minutes that nobody has read the oldest are forgotten: a day of three variants or so.
MOST = 5_000

Key = tuple[str, str | None, int]


@dataclass(slots=True)
class Statistic:
    """The values of one metric in one minute."""

    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")
    count: int = 0

    def add(self, value: float) -> None:
        """Take a value in."""
        self.total += value
        self.count += 1
        # Each request comes here several times, and min() and max() take twice as long.
        if value < self.least:  # noqa: PLR1730
            self.least = value
        if value > self.most:  # noqa: PLR1730
            self.most = value


class Metrics:
    """The metrics of all endpoints that have not been published yet."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._minutes: OrderedDict[Key, dict[str, Statistic]] = OrderedDict()

    def invoked(  # noqa: PLR0913 (all that is counted of a request)
        self, endpoint: str, variant: str, *, status: int, share: float, model: float, other: float
    ) -> None:
        """Count a request that reached a variant.

        `status` is the container's, 0 without one; `share` is what falls to each instance; `model`
        and `other` are the seconds that the containers and the door had it.
        """
        client, server = status // 100 == CLIENT, status // 100 == SERVER or status == 0
        values = {
            "Invocations": 1.0,
            "InvocationsPerInstance": share,
            "Invocation4XXErrors": float(client),
            "Invocation5XXErrors": float(server),
            "InvocationModelErrors": float(client or server),
            "ModelLatency": model * 1e6,
            "OverheadLatency": other * 1e6,
        }
        self.add(values, endpoint=endpoint, variant=variant)

    def add(
        self, values: Mapping[str, float], *, endpoint: str, variant: str | None = None
    ) -> None:
        """Take a value of each metric in, at this moment; times are in microseconds."""
        key = endpoint, variant, int(self._clock().timestamp()) // 60
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._minutes[key] = {}
            if len(self._minutes) > MOST:
                self._minutes.popitem(last=False)
        for name, value in values.items():
            found = minute.get(name)
            if found is None:
                found = minute[name] = Statistic()
            found.add(value)

    def taken(self) -> list[dict[str, Any]]:
        """Return all that was counted as PutMetricData takes it, and forget it."""
        minutes, self._minutes = self._minutes, OrderedDict()
        return [
            written(key, name, statistic)
            for key, found in minutes.items()
            for name, statistic in found.items()
        ]


def written(key: Key, name: str, found: Statistic) -> dict[str, Any]:
    """Write a minute of a metric as PutMetricData takes it."""
    endpoint, variant, minute = key
    dimensions = {"EndpointName": endpoint, "VariantName": variant}
    return {
        "MetricName": name,
        "Unit": "Microseconds" if name in TIMES else "Count",
        "Timestamp": datetime.fromtimestamp(minute * 60, UTC),
        "Dimensions": [
            {"Name": each, "Value": value} for each, value in dimensions.items() if value
        ],
        "StatisticValues": {
            "SampleCount": found.count,
            "Sum": found.total,
            "Minimum": found.least,
            "Maximum": found.most,
        },
    }
