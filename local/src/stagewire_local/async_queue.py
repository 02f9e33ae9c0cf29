"""The queues of asynchronous endpoints: first in, first out, a limited number on each instance."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from stagewire_local.async_config import AsyncConfig
from stagewire_local.errors import Origin, ServiceUnavailable
from stagewire_local.registry import State

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from stagewire_local.async_inference import Inference
    from stagewire_local.async_ticket import Ticket
    from stagewire_local.chain import Hop
    from stagewire_local.metrics import Metrics
    from stagewire_local.registry import Endpoint
    from stagewire_local.variant import Instance

# How soon a request that waits for a healthy instance, or for its end, is looked at again when
# nothing else has happened: nobody tells the queue of either.
POLL_SECONDS = 0.1

log = logging.getLogger("stagewire.local.async")


class Queue:
    """The requests that wait for one endpoint."""

    def __init__(
        self, endpoint: Endpoint, *, inference: Inference, region: str, metrics: Metrics | None
    ) -> None:
        self.endpoint = endpoint
        self._metrics = metrics
        self._running = 0
        self._inference = inference
        self._origin = Origin(endpoint=endpoint.name, region=region)
        self._waiting: deque[Ticket] = deque()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._dispatcher: asyncio.Task[None] | None = None

    def put(self, ticket: Ticket) -> None:
        """Take a request in."""
        self._waiting.append(ticket)
        self.measure()
        self._changed.set()
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = asyncio.create_task(self._dispatch())

    def measure(self) -> None:
        """Note how many requests are here, waiting or in containers, and whether nobody takes them."""
        able = [each for each in self._instances() if each.hops() is not None]
        size = len(self._waiting) + self._running
        self._note(
            ApproximateBacklogSize=size,
            ApproximateBacklogSizePerInstance=size / max(1, len(able)),
            HasBacklogWithoutCapacity=bool(size and not able),
        )

    def greet(self) -> None:
        """Send the platform's test message to the endpoint's topics, in the background."""
        config = AsyncConfig.of(self.endpoint.settings)
        if config is not None:
            self._spawn(self._inference.greet(config))

    async def close(self) -> None:
        """Forget what waits and end what runs."""
        if lost := len(self._waiting) + self._running:
            log.warning("%d requests of endpoint %s end with the door", lost, self.endpoint.name)
        self._waiting.clear()
        tasks = [*self._tasks, *([self._dispatcher] if self._dispatcher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _dispatch(self) -> None:
        while self._waiting:
            self._changed.clear()
            if self.endpoint.state is State.DELETING:
                log.warning("%d requests end with their endpoint", len(self._waiting))
                self._waiting.clear()
                return
            self._expire()
            while self._waiting and self._begin(self._waiting[0]):
                self._waiting.popleft()
            if self._waiting:
                await settle(self._changed)

    def _expire(self) -> None:
        moment = self._inference.clock()
        late = [each for each in self._waiting if each.expired(moment)]
        if late:
            self._waiting = deque(each for each in self._waiting if not each.expired(moment))
        for ticket in late:
            self.endpoint.errors += 1
            self._note(self.endpoint.variants[0].name, ExpiredRequests=1)
            self._spawn(self._inference.expire(ticket, origin=self._origin))

    def _begin(self, ticket: Ticket) -> bool:
        """Start a request on the least busy instance; False when none can take it now."""
        free = [
            (each, variant)
            for variant in self.endpoint.variants
            for each in variant.instances
            if each.hops() is not None and each.busy < ticket.config.concurrency
        ]
        if not free:
            return False
        instance, variant = min(free, key=lambda pair: pair[0].busy)
        lease = ExitStack()
        longest = ticket.timeout * len(instance.containers)
        alone = replace(variant, instances=[instance])
        hops = lease.enter_context(alone.lease(seconds=longest))
        self._running += 1
        self._spawn(self._run(ticket, variant.name, hops=hops, lease=lease))
        return True

    def _instances(self) -> list[Instance]:
        return [each for variant in self.endpoint.variants for each in variant.instances]

    def _note(self, variant: str | None = None, /, **values: float) -> None:
        if self._metrics is not None:
            self._metrics.add(values, endpoint=self.endpoint.name, variant=variant)

    def _done(self, ticket: Ticket, variant: str, *, waited: float, good: bool) -> None:
        whole = (self._inference.clock() - ticket.received).total_seconds()
        self._note(
            variant,
            # AWS's own spelling, with three s.
            InvocationsProcesssed=1,
            InvocationFailures=not good,
            TimeInBacklog=waited * 1e6,
            TotalProcessingTime=whole * 1e6,
        )

    async def _run(
        self, ticket: Ticket, variant: str, *, hops: list[Hop], lease: ExitStack
    ) -> None:
        waited = (self._inference.clock() - ticket.received).total_seconds()
        try:
            with lease:
                good = await self._inference.run(ticket, hops=hops, origin=self._origin)
        except ServiceUnavailable:
            # No container has seen it, so it waits for another instance, first in the queue.
            self._waiting.appendleft(ticket)
            self._wake()
        else:
            self.endpoint.errors += not good
            self._done(ticket, variant, waited=waited, good=good)
            self._changed.set()
        finally:
            self._running -= 1

    def _wake(self) -> None:
        if self._dispatcher is None or self._dispatcher.done():
            self._dispatcher = asyncio.create_task(self._later())

    async def _later(self) -> None:
        # Not at once: the instance that was lost is still thought healthy for a moment.
        await asyncio.sleep(POLL_SECONDS)
        await self._dispatch()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a request was lost", exc_info=task.exception())


class Queues:
    """The queues of all endpoints, made when the first request comes."""

    def __init__(
        self, inference: Inference, *, region: str = "us-east-1", metrics: Metrics | None = None
    ) -> None:
        self.inference = inference
        self._metrics = metrics
        self._region = region
        self._queues: dict[str, Queue] = {}

    def of(self, endpoint: Endpoint) -> Queue:
        """Find the queue of an endpoint; one made anew under an old name has a new queue."""
        found = self._queues.get(endpoint.name)
        if found is None or found.endpoint is not endpoint:
            found = Queue(
                endpoint, inference=self.inference, region=self._region, metrics=self._metrics
            )
            self._queues[endpoint.name] = found
        return found

    def greet(self, endpoint: Endpoint) -> None:
        """Send a test message to the topics of an endpoint that was made or changed, if any."""
        if AsyncConfig.of(endpoint.settings) is not None:
            self.of(endpoint).greet()

    def measure(self) -> None:
        """Note the size of each queue whose endpoint is there."""
        for queue in self._queues.values():
            if queue.endpoint.state is not State.DELETING:
                queue.measure()

    async def close(self) -> None:
        """Close all queues."""
        await asyncio.gather(*(queue.close() for queue in self._queues.values()))


async def settle(changed: asyncio.Event) -> None:
    """Wait until something has changed, or for a moment."""
    waiting = asyncio.create_task(changed.wait())
    await asyncio.wait([waiting], timeout=POLL_SECONDS)
    waiting.cancel()
