"""Publishes what was counted when somebody is about to read it from CloudWatch."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from stagewire_local.box import signed
from stagewire_local.metrics import NAMESPACE

if TYPE_CHECKING:
    from stagewire_local.asgi import Receive, Scope, Send
    from stagewire_local.async_queue import Queues
    from stagewire_local.aws import Clients
    from stagewire_local.box import App
    from stagewire_local.metrics import Metrics

CLOUDWATCH = "monitoring"  # what its requests are signed for
AT_ONCE = 500  # metrics in one PutMetricData: the platform takes 1000

log = logging.getLogger("stagewire.local.metrics")


class Monitoring:
    """The cloud, which hears of all metrics before a request to CloudWatch reaches it."""

    def __init__(self, cloud: App, *, metrics: Metrics, queues: Queues, clients: Clients) -> None:
        self._cloud = cloud
        self._metrics = metrics
        self._queues = queues
        self._clients = clients
        self._publishing = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # What it publishes comes this way too.
        if not self._publishing and signed(scope, dict(scope["headers"])) == CLOUDWATCH:
            await self._publish()
        await self._cloud(scope, receive, send)

    async def _publish(self) -> None:
        self._queues.measure()
        found = self._metrics.taken()
        self._publishing = True
        try:
            for place in range(0, len(found), AT_ONCE):
                await asyncio.get_running_loop().run_in_executor(
                    self._clients.threads, self._put, found[place : place + AT_ONCE]
                )
        except Exception:
            log.exception("%d metrics are lost", len(found))
        finally:
            self._publishing = False

    def _put(self, found: list[dict[str, object]]) -> None:
        self._clients.of("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=found)
