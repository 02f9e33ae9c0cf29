"""Brings endpoints up, changes them while they serve, and takes them down again."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from stagewire_local.change import Change
from stagewire_local.deployment import Deployment
from stagewire_local.keeper import Keeper
from stagewire_local.plan import Plan, instance
from stagewire_local.registry import Endpoint, State

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence

    from stagewire_local.driver import ContainerSpec, Driver
    from stagewire_local.health import Health
    from stagewire_local.limits import Limits
    from stagewire_local.registry import Registry
    from stagewire_local.variant import Variant

log = logging.getLogger("stagewire.local.host")


class Host:
    """The supervisor of all endpoints: it runs in the event loop of the server."""

    def __init__(
        self,
        registry: Registry,
        *,
        health: Health,
        limits: Limits,
        told: Callable[[Endpoint], None] | None = None,
    ) -> None:
        """`told` is called with each endpoint that is InService after it was made or changed."""
        self._registry = registry
        self._health = health
        self._limits = limits
        self._told = told
        self._keepers: dict[str, Keeper] = {}
        self._changes: dict[str, asyncio.Task[None]] = {}
        self._removals: dict[str, asyncio.Task[None]] = {}
        # Never started anew, so that an instance's name is unique for as long as the door runs.
        self._numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(1))

    def create(
        self, name: str, specs: Sequence[ContainerSpec], *, driver: Driver, count: int = 1
    ) -> Endpoint:
        """Open an endpoint of one variant. Raises ValidationError for a name that is taken."""
        return self.open(name, [Plan(specs=specs, count=count)], driver=driver)

    def open(
        self,
        name: str,
        plans: Sequence[Plan],
        *,
        driver: Driver,
        settings: Mapping[str, Any] | None = None,
    ) -> Endpoint:
        """Register an endpoint as Creating and start its instances in the background.

        Raises ValidationError for a name that is taken.
        """
        endpoint = Endpoint(
            name=name, variants=self._variants(name, plans), driver=driver, settings=settings or {}
        )
        self._registry.add(endpoint)
        self._keepers[name] = Keeper(driver, health=self._health, limits=self._limits)
        self._begin(endpoint, self._launch(endpoint))
        return endpoint

    def update(
        self,
        name: str,
        plans: Sequence[Plan],
        *,
        settings: Mapping[str, Any],
        deployment: Deployment | None = None,
    ) -> None:
        """Exchange all instances in the background; the old ones go when the new are healthy."""
        endpoint = self._registry.find(name)
        endpoint.enter(State.UPDATING)
        change = self._exchange(
            endpoint,
            self._variants(name, plans),
            settings=settings,
            deployment=deployment or Deployment(),
        )
        self._begin(endpoint, change)

    def scale(self, name: str, changes: Mapping[str, Change]) -> None:
        """Change weights and numbers of instances in the background, by variant."""
        endpoint = self._registry.find(name)
        endpoint.enter(State.UPDATING)
        for variant in endpoint.variants:
            variant.wanted = changes.get(variant.name, Change())
        self._begin(endpoint, self._resize(endpoint))

    async def settled(self, name: str) -> None:
        """Wait until an endpoint is neither Creating nor Updating."""
        if name in self._changes:
            await asyncio.wait([self._changes[name]])

    async def all_settled(self, names: Sequence[str] | None = None) -> None:
        """Wait until no endpoint, or none of these, is Creating or Updating."""
        for name in list(self._changes) if names is None else names:
            await self.settled(name)

    def remove(self, name: str) -> None:
        """Do what `delete` does in the background. Raises ValidationError."""
        self._registry.find(name).enter(State.DELETING)
        self._removals[name] = asyncio.create_task(self._delete(name))

    async def delete(self, name: str) -> None:
        """Stop an endpoint's containers and forget it. Raises ValidationError."""
        if name not in self._removals:
            self.remove(name)
        await asyncio.wait([self._removals[name]])

    async def close(self) -> None:
        """Delete every endpoint, all at once."""
        await asyncio.gather(*(self.delete(each.name) for each in self._registry.all()))

    async def wake(self, endpoint: Endpoint, variant: Variant) -> str | None:
        """Start the containers of a variant that rests; return None when all are healthy.

        One that does not rest has lost a container, which is replaced without being asked.
        """
        keeper = self._keepers.get(endpoint.name)
        if keeper is None:
            return "it is deleted"
        if keeper.keeps(variant.instances):
            return await keeper.healed(variant.instances, seconds=self._limits.cold_seconds)
        reason = await keeper.start([variant])
        if endpoint.state is State.DELETING:
            await keeper.stop(variant.instances)
        return reason

    async def rest(self, endpoint: Endpoint, variant: Variant) -> None:
        """Stop the containers of a variant that nobody asks, until it is woken."""
        keeper = self._keepers.get(endpoint.name)
        if keeper is not None:
            await keeper.stop(variant.instances, drain=True)

    def _begin(self, endpoint: Endpoint, change: Coroutine[None, None, None]) -> None:
        task = self._changes[endpoint.name] = asyncio.create_task(change)
        task.add_done_callback(lambda done: self._tell(endpoint, done))

    def _tell(self, endpoint: Endpoint, change: asyncio.Task[None]) -> None:
        if self._told and not change.cancelled() and endpoint.state is State.IN_SERVICE:
            self._told(endpoint)

    def _variants(self, name: str, plans: Sequence[Plan]) -> list[Variant]:
        return [plan.variant(lambda: self._instance(name)) for plan in plans]

    def _instance(self, name: str) -> str:
        return f"{name}-{next(self._numbers[name])}"

    async def _launch(self, endpoint: Endpoint) -> None:
        reason = await self._keepers[endpoint.name].start(endpoint.variants)
        if reason is None:
            endpoint.enter(State.IN_SERVICE)
            log.info("endpoint %s is InService", endpoint.name)
            return
        endpoint.enter(State.FAILED, reason=reason)
        log.error("endpoint %s Failed: %s", endpoint.name, reason)

    async def _exchange(
        self,
        endpoint: Endpoint,
        variants: list[Variant],
        *,
        settings: Mapping[str, Any],
        deployment: Deployment,
    ) -> None:
        keeper = self._keepers[endpoint.name]

        def failing(reason: str) -> None:
            endpoint.enter(State.ROLLING_BACK, reason=reason)

        reason = await keeper.start(variants, failing=failing, most=deployment.most)
        if reason is None:
            old = [each for variant in endpoint.variants for each in variant.instances]
            endpoint.variants, endpoint.settings = variants, settings
            await asyncio.sleep(deployment.wait)
            await keeper.stop(old, drain=True)
            log.info("endpoint %s is updated", endpoint.name)
        else:
            log.error("endpoint %s stays as it was: %s", endpoint.name, reason)
        endpoint.enter(State.IN_SERVICE, reason=reason)

    async def _resize(self, endpoint: Endpoint) -> None:
        reasons: list[str] = []
        for variant in endpoint.variants:
            reason = None
            if variant.wanted.count is not None:
                reason = await self._count(variant, variant.wanted.count, endpoint=endpoint)
            if reason is None:
                variant.take()
            else:
                reasons.append(reason)
            variant.wanted = Change()
        endpoint.enter(State.IN_SERVICE, reason=" ".join(reasons) or None)

    async def _count(self, variant: Variant, number: int, *, endpoint: Endpoint) -> str | None:
        keeper = self._keepers[endpoint.name]
        surplus = variant.instances[number:]
        if surplus:
            del variant.instances[number:]
            await keeper.stop(surplus, drain=True)
            return None
        specs = specs_of(variant)
        new = [
            instance(self._instance(endpoint.name), specs)
            for _ in range(number - len(variant.instances))
        ]
        reason = await keeper.start([replace(variant, instances=new)])
        if reason is None:
            variant.instances.extend(new)
        return reason

    async def _delete(self, name: str) -> None:
        endpoint = self._registry.find(name)
        change = self._changes.pop(name)
        change.cancel()
        await asyncio.wait([change])
        instances = [each for variant in endpoint.variants for each in variant.instances]
        keeper = self._keepers.pop(name)
        await asyncio.gather(keeper.stop(instances), keeper.close())
        self._registry.remove(name)
        del self._removals[name]


def specs_of(variant: Variant) -> list[ContainerSpec]:
    """Return what the containers of a variant are made from."""
    return [container.spec for container in variant.instances[0].containers]
