"""What a door says to those who are not done when its time to close is over."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest
import uvicorn

from stagewire_local.bundle import connected
from stagewire_local.chain import Chain
from stagewire_local.client import Client
from stagewire_local.door import Door, config, listen
from stagewire_local.driver import ContainerSpec
from stagewire_local.fixed import FixedDriver
from stagewire_local.health import Health
from stagewire_local.host import Host
from stagewire_local.limits import Limits
from stagewire_local.registry import Registry
from stagewire_local.runtime import Runtime


@pytest.mark.anyio
async def test_who_is_not_done_when_the_door_closes_is_told_to_try_again(stubs, stub, caplog):
    """In the platform's shape, which SDKs repeat; the log has a line for all, and no traceback."""
    [one] = stubs(stub())
    limits, registry = Limits(start_seconds=20), Registry()
    async with Client() as client:
        host = Host(registry, health=Health(client=client, limits=limits), limits=limits)
        host.create(
            "pipe", [ContainerSpec(hostname="primary", image=one.url)], driver=FixedDriver()
        )
        await host.settled("pipe")
        listener = listen("127.0.0.1", 0)
        settings = config(Runtime(registry, chain=Chain(client=client, limits=limits)))
        settings.timeout_graceful_shutdown = 0
        server = uvicorn.Server(settings)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        # One packet: the answer to the ping tells that the head behind it is read too.
        writer.write(
            b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"
        )
        await reader.readuntil(b"\r\n\r\n")

        server.should_exit = True
        await serving
        answer = await reader.read()

        writer.close()
        await host.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"x-amzn-errortype: ServiceUnavailable" in head
    assert json.loads(body)["Message"] == "The door is closing. Try again."
    assert "Traceback" not in caplog.text


@pytest.mark.anyio
async def test_a_signal_that_comes_before_the_server_takes_them_is_not_lost(stubs, stub, tmp_path):
    """The port is open by then, and Ctrl-C has to end a door whose containers never are ready."""
    [one] = stubs(stub(ping=503))
    door = Door(bundles=[connected(f"pipe={one.url}")], root=tmp_path, environ={})
    ready = []

    await asyncio.wait_for(
        door.serve(listen("127.0.0.1", 0), ready=ready.append, told=[signal.SIGTERM]), timeout=30
    )

    assert ready == []


class Interrupted(list):
    """Stands for a signal that comes just when those before it are looked at."""

    def __len__(self):
        signal.raise_signal(signal.SIGTERM)
        return 0


@pytest.mark.anyio
async def test_a_signal_that_the_server_takes_first_is_not_undone(stubs, stub, tmp_path):
    """From one to the other there is no moment in which a signal is lost."""
    [one] = stubs(stub(ping=503))
    door = Door(bundles=[connected(f"pipe={one.url}")], root=tmp_path, environ={})
    # To which the server hands its signals on when it ends.
    before = signal.signal(signal.SIGTERM, lambda *_: None)

    try:
        serving = door.serve(listen("127.0.0.1", 0), ready=print, told=Interrupted())
        good = await asyncio.wait_for(serving, timeout=30)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert good
