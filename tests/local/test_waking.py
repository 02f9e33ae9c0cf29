"""How serverless containers wake and rest when something is on its way already."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import cycle

import pytest

from stagewire_local.client import Client
from stagewire_local.driver import ContainerSpec
from stagewire_local.errors import ModelNotReadyException
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.limits import Limits
from stagewire_local.plan import Plan
from stagewire_local.registry import Registry
from stagewire_local.serverless import Serverless

pytestmark = pytest.mark.anyio


class Fragile(FixedDriver):
    """Stands for containers at some URLs: counts those that run, and lets a test end them."""

    def __init__(self, *stubs):
        self.urls = cycle(stub.url for stub in stubs)
        self.starts = 0
        self.running = {}

    async def start(self, spec):
        """Start one; each has an address of its own, as a process has its port."""
        address = await super().start(replace(spec, image=next(self.urls)))
        self.starts += 1
        self.running[address] = asyncio.Event()
        return address

    async def stop(self, address):
        """Stop one."""
        self.running.pop(address, None)

    async def died(self, address):
        """Wait until a test ends it."""
        await self.running[address].wait()
        return "exited with code 3"


@asynccontextmanager
async def hosted(driver, limits):
    """Give a host of the endpoint `pipe`, its serverless variants, and the endpoint."""
    registry = Registry()
    async with Client() as client:
        host = Host(registry, health=Health(client=client, limits=limits), limits=limits)
        settings = {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2}}
        spec = ContainerSpec(hostname="primary", image="fragile")
        endpoint = host.open("pipe", [Plan(specs=[spec], settings=settings)], driver=driver)
        await host.all_settled()
        serverless = Serverless(host, limits=limits)
        yield host, serverless, endpoint
        await serverless.close()
        await host.close()


async def until(condition):
    """Wait for what is told nowhere."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (for a moment)
            await asyncio.sleep(0.005)


async def test_a_request_while_a_container_is_restarted_waits_for_it(stubs, stub):
    """It starts no second one; none is left when the endpoint is deleted."""
    driver = Fragile(*stubs(stub(), stub(), stub()))
    async with hosted(driver, Limits(start_seconds=20)) as (host, serverless, endpoint):
        [variant] = endpoint.variants

        next(iter(driver.running.values())).set()
        await until(lambda: not variant.instances[0].containers[0].healthy)
        async with serverless.held(endpoint, variant):
            awake = variant.instances[0].hops()
            await until(lambda: variant.instances[0].containers[0].restarts)
        await host.delete("pipe")

    assert awake
    assert driver.starts == 2  # the first, and the one that took its place
    assert driver.running == {}


async def test_a_request_does_not_wait_for_ever_for_a_container_that_does_not_come_back(
    stubs, stub
):
    """Not ready, and why; the wait in the background ends too."""
    [one] = stubs(stub())
    driver = Fragile(one)
    limits = Limits(start_seconds=20, cold_seconds=0.3)
    async with hosted(driver, limits) as (host, serverless, endpoint):
        [variant] = endpoint.variants
        one.ping = 503

        next(iter(driver.running.values())).set()
        await until(lambda: not variant.instances[0].containers[0].healthy)
        with pytest.raises(ModelNotReadyException):
            async with serverless.held(endpoint, variant):
                pass
        async with asyncio.timeout(20):
            reason = await host.wake(endpoint, variant)

    assert "exited with code 3" in reason


async def test_an_endpoint_whose_start_outlasts_the_idle_clock_rests_afterwards(stubs, stub):
    """Nobody asks again, so nothing but the clock itself could end its containers."""
    [one] = stubs(stub())
    driver = Fragile(one)
    limits = Limits(start_seconds=20, cold_seconds=0.05, idle_seconds=0.05)
    async with hosted(driver, limits) as (host, serverless, endpoint):
        [variant] = endpoint.variants
        await host.rest(endpoint, variant)
        one.ping = 503

        with pytest.raises(ModelNotReadyException):
            async with serverless.held(endpoint, variant):
                pass
        await asyncio.sleep(3 * limits.idle_seconds)  # the clock strikes while it still starts
        started = len(driver.running)
        one.ping = 200
        await until(lambda: not driver.running)

    assert started == 1
