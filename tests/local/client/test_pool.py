"""Which connections the client keeps, and what it does when one ends: real sockets."""

from __future__ import annotations

import asyncio

import pytest
from raw_server import OK, answering, posted, request, serving

from stagewire_local.client import Client, LateError, LostError, UnreachableError
from stagewire_local.fixed import parse


def test_a_connection_is_kept_for_the_next_request(run):
    """Two requests, one connection."""
    connections = []

    async def behave(reader, writer):
        connections.append(writer)
        for _ in range(2):
            await request(reader)
            writer.write(OK)

    async def main():
        async with serving(behave) as address, Client() as client:
            return [(await posted(address, client=client)).body for _ in range(2)]

    assert run(main()) == [b"ok", b"ok"]
    assert len(connections) == 1


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(OK, id="closed"),
        pytest.param(OK + OK, id="an answer too many"),
        pytest.param(OK + b"junk", id="junk"),
        pytest.param(OK.replace(b"1.1 200 OK", b"1.1 200 OK\r\nConnection: close"), id="told"),
    ],
)
def test_a_connection_that_is_of_no_use_is_not_used_again(run, first, until_async):
    """The first answer is good; the second request has a connection and an answer of its own."""

    async def main():
        second = OK.replace(b"ok", b"no")
        async with serving(answering(first, second)) as address, Client() as client:
            bodies = [(await posted(address, client=client)).body]
            await until_async(lambda: not len(client.pool))
            bodies.append((await posted(address, client=client)).body)
            return bodies

    assert run(main()) == [b"ok", b"no"]


def test_bytes_that_nobody_asked_for_end_an_idle_connection(run, until_async):
    """They must not be taken for the next answer."""

    async def behave(reader, writer):
        await request(reader)
        writer.write(OK)
        await gate.wait()
        writer.write(OK)
        assert await reader.read() == b""

    async def main():
        nonlocal gate
        gate = asyncio.Event()
        async with serving(behave) as address, Client() as client:
            await posted(address, client=client)
            gate.set()
            await until_async(lambda: not len(client.pool))

    gate = None
    run(main())


def closing_on_the_second(seen):
    """Make a server whose first connection ends at its second request, without a byte."""

    async def behave(reader, writer):
        first = not seen
        while True:
            seen.append((await request(reader))[0].split()[0])
            if first and len(seen) == 2:
                return
            writer.write(OK)

    return behave


def test_a_post_is_never_sent_twice(run):
    """Whether the container has acted on it before the connection ended cannot be known."""
    seen = []

    async def main():
        async with serving(closing_on_the_second(seen)) as address, Client() as client:
            await posted(address, client=client)
            with pytest.raises(LostError):
                await posted(address, client=client)

    run(main())

    assert seen == [b"POST", b"POST"]


def test_a_ping_on_a_connection_that_ended_is_asked_again(run):
    """A kept connection that ends without a byte says nothing of its container."""
    seen = []

    async def main():
        async with serving(closing_on_the_second(seen)) as address, Client() as client:
            return [await client.ping(address, seconds=20) for _ in range(2)]

    assert run(main()) == [200, 200]
    assert seen == [b"GET"] * 3


def test_a_ping_without_an_answer_is_none(run):
    """Nobody listens, nobody answers, or it is no HTTP: asked once, since the connection is new."""

    async def silent(reader, writer):
        assert await reader.read() != b""
        await reader.read()

    async def main():
        found = []
        async with Client() as client:
            async with serving(answering(b"garbage")) as address:
                found.append(await client.ping(address, seconds=20))
            found.append(await client.ping(address, seconds=20))
            async with serving(silent) as address:
                found.append(await client.ping(address, seconds=0.1))
        return found

    assert run(main()) == [None, None, None]


def test_a_container_at_an_ipv6_address_is_asked_there(run):
    """Node's servers listen on ::1 alone where `localhost` means that."""
    seen = []

    async def behave(reader, writer):
        seen.append(await request(reader))
        writer.write(OK)

    async def main():
        async with serving(behave, host="::1") as address:
            await posted(parse(f"{address.url}/"))
            return address

    address = run(main())

    assert f"\r\nHost: [::1]:{address.port}\r\n".encode() in seen[0][0]


def test_nobody_there_is_unreachable(run):
    """It is told apart from a lost answer: the container has not seen the request."""

    async def main():
        async with serving(answering()) as address:
            pass
        with pytest.raises(UnreachableError):
            await posted(address)

    run(main())


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"])
def test_an_answer_that_is_late_is_given_up_with_its_connection(run, first):
    """The time is for the whole answer; the container sees that nobody waits."""
    left = []

    async def behave(reader, writer):
        await request(reader)
        writer.write(first)
        left.append(await reader.read())
        gone.set()

    async def main():
        nonlocal gone
        gone = asyncio.Event()
        async with serving(behave) as address, Client() as client:
            with pytest.raises(LateError):
                await posted(address, client=client, seconds=0.2)
            await gone.wait()

    gone = None
    run(main())

    assert left == [b""]


def test_a_request_that_nobody_waits_for_ends_its_connection(run):
    """A caller that hangs up must not leave a container at work."""

    async def behave(reader, writer):
        await request(reader)
        asked.set()
        assert await reader.read() == b""
        gone.set()

    async def main():
        nonlocal asked, gone
        asked, gone = asyncio.Event(), asyncio.Event()
        async with serving(behave) as address, Client() as client:
            task = asyncio.create_task(posted(address, client=client))
            await asked.wait()
            task.cancel()
            await gone.wait()

    asked = gone = None
    run(main())
