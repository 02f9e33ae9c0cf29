"""How long instances that are exchanged wait for the requests in them."""

from __future__ import annotations

import asyncio

import pytest

from stagewire_local.client import Client
from stagewire_local.configs import plan
from stagewire_local.driver import ContainerSpec
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.keeper import Keeper
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
