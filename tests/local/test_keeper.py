"""How long instances that are exchanged wait for the requests in them."""

from __future__ import annotations

import asyncio

import pytest

from stagewire_local.client import Client
from stagewire_local.configs import plan
from stagewire_local.driver import ContainerSpec, StartError
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.keeper import Keeper, LaunchError, failure
from stagewire_local.limits import Limits
from stagewire_local.plan import Plan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def kept(stubs, stub):
    """Give a keeper whose plain requests have no time at all, and a variant that it has started."""
    [one] = stubs(stub())
    limits = Limits(reply_seconds=0)
    async with Client() as client:
        keeper = Keeper(FixedDriver(), health=Health(client=client, limits=limits), limits=limits)
        variant = Plan(specs=[ContainerSpec(hostname="primary", image=one.url)]).variant(
            lambda: "pipe-1"
        )
        assert await keeper.start([variant]) is None
        yield keeper, variant
        await keeper.close()


async def test_a_plain_request_has_its_time_and_no_more(kept):
    """One that a container never answers does not keep the old instances for ever."""
    keeper, variant = kept

    with variant.lease():
        await keeper.stop(variant.instances, drain=True)

    assert variant.instances[0].hops() is None


async def test_a_stream_or_an_asynchronous_request_has_its_own(kept):
    """The instance is stopped when it has ended, and not before."""
    keeper, variant = kept

    with variant.lease(seconds=3600):
        stopping = asyncio.create_task(keeper.stop(variant.instances, drain=True))
        await asyncio.wait([stopping], timeout=0.2)  # ten looks of the keeper
        during = variant.instances[0].hops()
    await stopping

    assert during is not None
    assert variant.instances[0].hops() is None


async def test_a_variant_may_give_its_containers_another_time_to_start(stubs, stub):
    """ContainerStartupHealthCheckTimeoutInSeconds, in the place of the door's own."""
    [one] = stubs(stub(ping=503))
    model = {"PrimaryContainer": {"Image": one.url}}
    variant = {
        "VariantName": "v1",
        "InstanceType": "ml.m5.large",
        "ContainerStartupHealthCheckTimeoutInSeconds": 0.1,
    }

    async with Client() as client:
        health = Health(client=client, limits=Limits())
        keeper = Keeper(FixedDriver(), health=health, limits=Limits())
        reason = await keeper.start([plan(variant, model=model).variant(lambda: "pipe-1")])

    assert "(/ping answers 503 0.1 s after the start)" in reason


class Once(FixedDriver):
    """Stands for a container that starts once, ends when a test says so, and then never starts again."""

    def __init__(self):
        self.ended = asyncio.Event()

    async def start(self, spec):
        """Start it, if it is the first time."""
        if self.ended.is_set():
            message = "its image is gone"
            raise StartError(message)
        return await super().start(spec)

    async def died(self, address):
        """Wait until the test ends it."""
        await self.ended.wait()
        return f"{address.host} is gone"


async def test_a_container_that_dies_again_and_again_is_restarted_ever_later(
    stubs, stub, caplog, until_async
):
    """Twice the wait each time, up to the longest one; its trouble is in the log each time."""
    [one] = stubs(stub())
    driver, limits = Once(), Limits(backoff_seconds=0.3)

    def waits():
        lines = [each for each in caplog.records if "restarting it" in each.msg]
        return [each.args for each in lines] if len(lines) >= 4 else None

    async with Client() as client:
        keeper = Keeper(driver, health=Health(client=client, limits=limits), limits=limits)
        spec = ContainerSpec(hostname="primary", image=one.url)
        assert await keeper.start([Plan(specs=[spec]).variant(lambda: "pipe-1")]) is None
        driver.ended.set()
        found = await until_async(waits)
        await keeper.close()

    assert [seconds for _, _, seconds in found[:4]] == [0.1, 0.2, 0.3, 0.3]
    assert [trouble for _, trouble, _ in found[:2]] == ["127.0.0.1 is gone", "its image is gone"]


def test_a_reason_is_as_long_as_the_platform_lets_it_be():
    """FailureReason has 1,024 characters, and begins with the container."""
    spec = ContainerSpec(hostname="primary", image="http://127.0.0.1:9")
    variant = Plan(specs=[spec]).variant(lambda: "pipe-1")
    [container] = variant.instances[0].containers
    container.trouble = "x" * 3000

    reason = failure([variant], [LaunchError()])

    assert len(reason) == 1024
    assert reason.startswith("The primary container for production variant AllTraffic did not")
