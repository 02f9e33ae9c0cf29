"""Brings endpoints up, keeps their containers alive, and takes them down again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from stagewire_local.driver import StartError
from stagewire_local.registry import VARIANT, Container, Endpoint, Instance, State, Variant

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from stagewire_local.driver import ContainerSpec, Driver
    from stagewire_local.health import Health
    from stagewire_local.limits import Limits
    from stagewire_local.registry import Registry

FIRST_BACKOFF = 0.1  # a stage that died once is back at once
SETTLED_SECONDS = 60.0  # one that then lived this long starts again with the shortest wait
REASON_CHARS = 1024  # botocore sagemaker: shape FailureReason, max 1024
LAST_LINES = 20  # of a failed container's log, for whoever reports the failure
# Containers that fail for one reason fail together; wait this long to name all of them.
TOGETHER_SECONDS = 0.2

log = logging.getLogger("stagewire.local.host")


class LaunchError(Exception):
    """A container did not become healthy when its endpoint was created."""


class Host:
    """The supervisor of all endpoints: it runs in the event loop of the server."""

    def __init__(self, registry: Registry, *, health: Health, limits: Limits) -> None:
        self._registry = registry
        self._health = health
        self._limits = limits
        self._launches: dict[str, asyncio.Task[None]] = {}
        self._keepers: dict[str, list[asyncio.Task[None]]] = {}

    def create(
        self, name: str, specs: Sequence[ContainerSpec], *, driver: Driver, count: int = 1
    ) -> Endpoint:
        """Register an endpoint as Creating and start `count` instances in the background.

        Raises ValidationError for a name that is taken.
        """
        instances = [instance(f"{name}-{place}", specs) for place in range(1, count + 1)]
        variant = Variant(name=VARIANT, instances=instances)
        endpoint = Endpoint(name=name, variants=[variant], driver=driver)
        self._registry.add(endpoint)
        self._launches[name] = asyncio.create_task(self._launch(endpoint))
        return endpoint

    async def settled(self, name: str) -> None:
        """Wait until an endpoint is InService or Failed."""
        await asyncio.wait([self._launches[name]])

    async def all_settled(self) -> None:
        """Wait until no endpoint is Creating."""
        for name in list(self._launches):
            await self.settled(name)

    async def delete(self, name: str) -> None:
        """Stop an endpoint's containers and forget it. Raises ValidationError."""
        endpoint = self._registry.find(name)
        endpoint.state = State.DELETING
        tasks = [self._launches.pop(name), *self._keepers.pop(name, [])]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._stop(endpoint)
        self._registry.remove(name)

    async def close(self) -> None:
        """Delete every endpoint, all at once."""
        await asyncio.gather(*(self.delete(each.name) for each in self._registry.all()))

    async def _launch(self, endpoint: Endpoint) -> None:
        tasks = [
            asyncio.create_task(self._open(container, endpoint=endpoint))
            for container in endpoint.containers()
        ]
        try:
            _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            if waiting:
                await asyncio.wait(waiting, timeout=TOGETHER_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        if not any(isinstance(result, BaseException) for result in results):
            self._keepers[endpoint.name] = [
                asyncio.create_task(self._keep(container, endpoint=endpoint))
                for container in endpoint.containers()
            ]
            endpoint.state = State.IN_SERVICE
            log.info("endpoint %s is InService", endpoint.name)
            return
        endpoint.failure_reason = failure(endpoint, results)
        endpoint.state = State.FAILED
        log.error("endpoint %s Failed: %s", endpoint.name, endpoint.failure_reason)
        await self._stop(endpoint)

    async def _open(self, container: Container, *, endpoint: Endpoint) -> None:
        """Start one container and wait until it is healthy. Raises LaunchError."""
        driver = endpoint.driver
        try:
            container.address = await driver.start(container.spec)
        except StartError as error:
            container.trouble = str(error)
            raise LaunchError(container.trouble) from error
        name = f"{endpoint.name}/{container.spec.hostname}"
        trouble = await self._health.ready(container.address, driver=driver, name=name)
        if trouble is not None:
            container.trouble = trouble
            container.last_lines = driver.logs(container.address)[-LAST_LINES:]
            raise LaunchError(trouble)
        container.healthy = True

    async def _keep(self, container: Container, *, endpoint: Endpoint) -> None:
        """Replace one container whenever it is lost, for as long as the endpoint lives."""
        loop = asyncio.get_running_loop()
        name = f"{endpoint.name}/{container.spec.hostname}"
        backoff = FIRST_BACKOFF
        while True:
            if container.healthy and container.address is not None:
                since = loop.time()
                trouble = await self._health.lost(container.address, driver=endpoint.driver)
                container.trouble = trouble
                container.last_lines = endpoint.driver.logs(container.address)[-LAST_LINES:]
                if loop.time() - since > SETTLED_SECONDS:
                    backoff = FIRST_BACKOFF
            log.error("%s %s; restarting it in %g s", name, container.trouble, backoff)
            await self._close(container, driver=endpoint.driver)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, self._limits.backoff_seconds)
            container.restarts += 1
            try:
                await self._open(container, endpoint=endpoint)
            except LaunchError:
                continue  # its trouble is recorded, and logged with the next wait
            log.warning("%s is healthy again", name)

    async def _stop(self, endpoint: Endpoint) -> None:
        closes: list[Coroutine[None, None, None]] = [
            self._close(container, driver=endpoint.driver) for container in endpoint.containers()
        ]
        await asyncio.gather(*closes)

    async def _close(self, container: Container, *, driver: Driver) -> None:
        container.healthy = False
        address, container.address = container.address, None
        if address is not None:
            await driver.stop(address)


def instance(name: str, specs: Sequence[ContainerSpec]) -> Instance:
    """Make one copy of all containers."""
    siblings = tuple(spec.hostname for spec in specs)
    return Instance(
        id=name,
        containers=[
            Container(spec=replace(spec, instance=name, siblings=siblings)) for spec in specs
        ],
    )


def failure(endpoint: Endpoint, results: Sequence[BaseException | None]) -> str:
    """Say which containers failed in the platform's words, and why in ours."""
    reasons = [
        f"The {container.spec.hostname} container for production variant {VARIANT} did not pass "
        "the ping health check. Please check CloudWatch logs for this endpoint. "
        f"({container.trouble})"
        for container in endpoint.containers()
        if container.trouble is not None
    ]
    # Without a trouble of a container it is our own fault; hide nothing.
    return (" ".join(reasons) or f"{[each for each in results if each]}")[:REASON_CHARS]
