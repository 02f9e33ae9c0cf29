"""Starts the containers of instances, replaces those that are lost, and stops them again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from stagewire_local.driver import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stagewire_local.driver import Driver
    from stagewire_local.health import Health
    from stagewire_local.limits import Limits
    from stagewire_local.variant import Container, Instance, Variant

FIRST_BACKOFF = 0.1  # seconds; a stage that died once is back almost at once
SETTLED_SECONDS = 60.0  # one that then lived this long starts again with the shortest wait
REASON_CHARS = 1024  # botocore sagemaker: shape FailureReason, max 1024
LAST_LINES = 20  # of a failed container's log, to report with the failure
# Containers that fail for one reason fail together; wait this long to name all of them.
TOGETHER_SECONDS = 0.2
# How often it is looked whether requests have ended, or containers are back: nothing announces either.
DRAIN_POLL_SECONDS = 0.02
HEAL_POLL_SECONDS = 0.02

log = logging.getLogger("stagewire.local.host")


class LaunchError(Exception):
    """A container did not become healthy when its instance was started."""


class Keeper:
    """The watch over all containers behind one driver, by instance."""

    def __init__(self, driver: Driver, *, health: Health, limits: Limits) -> None:
        self._driver = driver
        self._health = health
        self._limits = limits
        self._watches: dict[str, list[asyncio.Task[None]]] = {}
        self._kept: dict[str, Instance] = {}

    async def start(
        self,
        variants: Sequence[Variant],
        *,
        failing: Callable[[str], None] | None = None,
        most: float | None = None,
    ) -> str | None:
        """Start all instances; return None when all are healthy, else why not, and stop them.

        `failing` hears of the reason before they are stopped; all together may take `most` seconds.
        Instances that it keeps already are left alone.
        """
        instances = [
            each for variant in variants for each in variant.instances if each.id not in self._kept
        ]
        try:
            async with asyncio.timeout(most):
                results = await self._open_all(instances)
        except TimeoutError as error:
            results = [error]
        except asyncio.CancelledError:
            await self.stop(instances)
            raise
        if any(isinstance(result, BaseException) for result in results):
            reason = failure(variants, results, most=most)
            if failing:
                failing(reason)
            await self.stop(instances)
            return reason
        for each in instances:
            self._kept[each.id] = each
            self._watches[each.id] = [
                asyncio.create_task(self._keep(container)) for container in each.containers
            ]
        return None

    def keeps(self, instances: Sequence[Instance]) -> bool:
        """Tell whether all of them were started, so that it replaces what is lost of them."""
        return all(each.id in self._kept for each in instances)

    async def healed(self, instances: Sequence[Instance], *, seconds: float) -> str | None:
        """Wait until lost containers are replaced; return None then, else why not."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not all(each.hops() for each in instances):
            if not self.keeps(instances):
                return "its containers were stopped"
            if asyncio.get_running_loop().time() > deadline:
                return f"its container {troubles(instances)} and is not back after {seconds:g} s"
            await asyncio.sleep(HEAL_POLL_SECONDS)
        return None

    async def stop(self, instances: Sequence[Instance], *, drain: bool = False) -> None:
        """Stop instances; with `drain`, first let the requests in them end."""
        if drain:
            await self._drained(instances)
        watches = [task for each in instances for task in self._watches.pop(each.id, [])]
        for each in instances:
            self._kept.pop(each.id, None)
        for task in watches:
            task.cancel()
        if watches:
            await asyncio.wait(watches)
        await asyncio.gather(
            *(self._close(inner) for each in instances for inner in each.containers)
        )

    async def close(self) -> None:
        """Stop all instances, those too that an endpoint no longer has and that still live on."""
        await self.stop(list(self._kept.values()))

    async def _drained(self, instances: Sequence[Instance]) -> None:
        # No request takes longer than its time for each container; streams and asynchronous ones
        # have more of it, and have said how much.
        loop = asyncio.get_running_loop()
        longest = max((len(each.containers) for each in instances), default=0)
        usual = loop.time() + longest * self._limits.reply_seconds
        deadline = max([usual, *(each.until for each in instances)])
        while any(each.busy for each in instances) and loop.time() < deadline:  # noqa: ASYNC110 (for a moment, once an update)
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    async def _open_all(self, instances: Sequence[Instance]) -> list[BaseException | None]:
        containers = [inner for each in instances for inner in each.containers]
        tasks = [asyncio.create_task(self._open(container)) for container in containers]
        if not tasks:
            return []
        try:
            _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            if waiting:
                await asyncio.wait(waiting, timeout=TOGETHER_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        return results

    async def _open(self, container: Container) -> None:
        """Start one container and wait until it is healthy. Raises LaunchError."""
        driver = self._driver
        try:
            container.address = await driver.start(container.spec)
        except StartError as error:
            container.trouble = str(error)
            raise LaunchError(container.trouble) from error
        trouble = await self._health.ready(
            container.address,
            driver=driver,
            name=named(container),
            seconds=container.spec.start_seconds,
        )
        if trouble is not None:
            container.trouble = trouble
            container.last_lines = driver.logs(container.address)[-LAST_LINES:]
            raise LaunchError(trouble)
        container.healthy = True

    async def _keep(self, container: Container) -> None:
        """Replace one container whenever it is lost, for as long as its instance lives."""
        loop = asyncio.get_running_loop()
        backoff = FIRST_BACKOFF
        while True:
            if container.healthy and container.address is not None:
                since = loop.time()
                trouble = await self._health.lost(container.address, driver=self._driver)
                container.trouble = trouble
                container.last_lines = self._driver.logs(container.address)[-LAST_LINES:]
                if loop.time() - since > SETTLED_SECONDS:
                    backoff = FIRST_BACKOFF
            name = named(container)
            log.error("%s %s; restarting it in %g s", name, container.trouble, backoff)
            await self._close(container)
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, self._limits.backoff_seconds)
            container.restarts += 1
            try:
                await self._open(container)
            except LaunchError:
                continue  # its trouble is recorded, and logged with the next wait
            log.warning("%s is healthy again", name)

    async def _close(self, container: Container) -> None:
        container.healthy = False
        address, container.address = container.address, None
        if address is not None:
            await self._driver.stop(address)


def troubles(instances: Sequence[Instance]) -> str:
    """Say what the containers that are not healthy suffer from."""
    sick = (inner for each in instances for inner in each.containers if not inner.healthy)
    return " and ".join(dict.fromkeys(str(container.trouble) for container in sick))


def named(container: Container) -> str:
    """Name a container for the log."""
    return f"{container.spec.instance}/{container.spec.hostname}"


def failure(
    variants: Sequence[Variant],
    results: Sequence[BaseException | None],
    *,
    most: float | None = None,
) -> str:
    """Say which containers failed in the platform's words, and why in ours."""
    reasons = [
        f"The {container.spec.hostname} container for production variant {variant.name} did not "
        "pass the ping health check. Please check CloudWatch logs for this endpoint. "
        f"({container.trouble})"
        for variant in variants
        for instance in variant.instances
        for container in instance.containers
        if container.trouble is not None
    ]
    if any(isinstance(result, TimeoutError) for result in results):
        reasons.insert(0, f"The deployment took longer than {most:g} seconds.")
    # Of several instances each has the same trouble; once is enough.
    unique = list(dict.fromkeys(reasons))
    # Without a trouble of a container it is our own fault; hide nothing.
    return (" ".join(unique) or f"{[each for each in results if each]}")[:REASON_CHARS]
