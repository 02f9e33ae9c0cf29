"""What becomes of asynchronous requests that wait when their endpoint or the door ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from stagewire_local.async_queue import Queues
from stagewire_local.driver import ContainerSpec
from stagewire_local.fixed import FixedDriver
from stagewire_local.plan import Plan
from stagewire_local.registry import Endpoint, State
from stagewire_local.sessions import now

pytestmark = pytest.mark.anyio


@pytest.fixture
def queues():
    """Give queues whose clock goes and that never get to run anything."""
    return Queues(SimpleNamespace(clock=now))


@pytest.fixture
def endpoint():
    """Give an endpoint without a healthy instance, so that requests wait."""
    spec = ContainerSpec(hostname="primary", image="http://127.0.0.1:1")
    variant = Plan(specs=[spec]).variant(lambda: "pipe-1")
    return Endpoint(name="pipe", variants=[variant], driver=FixedDriver(), state=State.IN_SERVICE)


def waiting():
    """Make a request that would wait for ever."""
    return SimpleNamespace(expired=lambda _moment: False)


async def told(caplog, text):
    """Wait until the log says so."""
    async with asyncio.timeout(20):
        while text not in caplog.text:  # noqa: ASYNC110 (for a moment)
            await asyncio.sleep(0.005)


async def test_requests_that_wait_end_with_their_endpoint(queues, endpoint, caplog):
    """No object and no message comes of them; the log says how many."""
    queue = queues.of(endpoint)
    for _ in range(2):
        queue.put(waiting())

    endpoint.enter(State.DELETING)
    await told(caplog, "2 requests end with their endpoint")
    await queues.close()

    assert "end with the door" not in caplog.text  # nothing was left for it


async def test_requests_that_wait_end_with_the_door(queues, endpoint, caplog):
    """The same, at its end."""
    queue = queues.of(endpoint)
    for _ in range(3):
        queue.put(waiting())

    await queues.close()

    assert "3 requests of endpoint pipe end with the door" in caplog.text
