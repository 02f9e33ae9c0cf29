"""Endpoints that somebody else creates while a door starts those that it was asked for."""

from __future__ import annotations

import asyncio
import os
from types import MappingProxyType

import pytest

from stagewire_local.bundle import connected
from stagewire_local.client import Client
from stagewire_local.door import settle
from stagewire_local.driver import ContainerSpec
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.launch import Launch, ready
from stagewire_local.limits import Limits
from stagewire_local.registry import Registry
from stagewire_local.state import Home


@pytest.mark.anyio
@pytest.mark.parametrize("asked", ["good", "bad"])
async def test_only_what_the_door_was_asked_for_decides_whether_it_opens(stubs, stub, asked):
    """Another caller's endpoint may fail, and be on its way for as long as it wants."""
    one, slow = stubs(stub(), stub(ping=503))
    registry, limits, driver = Registry(), Limits(start_seconds=20), FixedDriver()
    async with Client() as client:
        host = Host(registry, health=Health(client=client, limits=limits), limits=limits)
        serving = asyncio.create_task(asyncio.Event().wait())
        for name, url in {"good": one.url, "bad": "http://", "slow": slow.url}.items():
            spec = ContainerSpec(hostname="primary", image=url)
            host.create(name, [spec], driver=driver)
        await host.settled("bad")

        opens = await settle(host, registry, names=[asked], serving=serving)

        serving.cancel()
        await host.close()

    assert opens == (asked == "good")


@pytest.mark.parametrize(
    ("wanted", "is_ready"),
    [
        pytest.param([], True, id="nothing"),
        pytest.param(["pipe"], True, id="what is there"),
        pytest.param(["pipe", "more"], False, id="more"),
    ],
)
def test_a_door_in_the_background_is_ready_with_its_own_endpoints(
    chained, stub, tmp_path, wanted, is_ready
):
    """Whatever else is there by then."""
    url = chained(stub())
    plan = Launch(
        bundles=tuple(connected(f"{name}=http://127.0.0.1:1") for name in wanted),
        home=Home(tmp_path),
        environ=MappingProxyType({}),
        host="127.0.0.1",
        port=int(url.rpartition(":")[2]),
        hop_accept="absent",
        start_seconds=20,
        region="us-east-1",
        driver="process",
    )

    assert (ready(plan, os.getpid()) is not None) == is_ready
