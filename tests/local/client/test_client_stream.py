"""Streams by the client of the hops: no more is held than is read, and what breaks is told."""

from __future__ import annotations

import asyncio

import pytest
from raw_server import CHUNKED, request, serving

from stagewire_local.answer import HELD_BYTES
from stagewire_local.client import Client, LateError, LostError
from stagewire_local.limits import MIB


def test_a_stream_holds_no_more_than_its_reader_takes(run):
    """A container that is faster than the caller has to wait; then all of it arrives."""
    size = 64 * MIB

    async def behave(reader, writer):
        nonlocal container
        await request(reader)
        container = writer.transport
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(size))
        await writer.drain()

    async def main():
        async with (
            serving(behave) as address,
            Client() as client,
            client.stream(address, "/invocations", b"", headers={}, seconds=30) as stream,
        ):
            sizes = [len(await anext(stream.chunks()))]
            before = None
            # Until nothing moves any more: the buffers between the two are full.
            while before != (left := container.get_write_buffer_size()):
                before = left
                await asyncio.sleep(0.05)
            sizes += [len(chunk) async for chunk in stream.chunks()]
            return left, sizes

    container = None
    left, sizes = run(main())

    assert left > 0
    assert sum(sizes) == size
    # What is held and one more read, which is 256 KiB in both loops.
    assert max(sizes) <= HELD_BYTES + 256 * 1024


def test_a_stream_that_its_reader_leaves_ends(run):
    """The container sees it."""

    async def behave(reader, writer):
        await request(reader)
        writer.write(CHUNKED + b"3\r\none\r\n")
        assert await reader.read() == b""
        gone.set()

    async def main():
        nonlocal gone
        gone = asyncio.Event()
        async with serving(behave) as address, Client() as client:
            async with client.stream(
                address, "/invocations", b"", headers={}, seconds=30
            ) as stream:
                first = await anext(stream.chunks())
            await gone.wait()
            return first

    gone = None

    assert run(main()) == b"one"


@pytest.mark.parametrize(
    ("raw", "seconds", "error"),
    [
        pytest.param(CHUNKED + b"3\r\none\r\n", 30, LostError, id="lost"),
        pytest.param(CHUNKED + b"3\r\none\r\n4\r\n", 0.3, LateError, id="late"),
    ],
)
def test_a_stream_that_breaks_gives_what_came_and_then_the_error(run, raw, seconds, error):
    """Nothing that arrived is lost, and the end is no silent one."""

    async def behave(reader, writer):
        await request(reader)
        writer.write(raw)
        if error is LateError:
            await reader.read()

    async def main():
        async with (
            serving(behave) as address,
            Client() as client,
            client.stream(address, "/invocations", b"", headers={}, seconds=seconds) as stream,
        ):
            chunks = stream.chunks()
            first = await anext(chunks)
            with pytest.raises(error):
                await anext(chunks)
            return first

    assert run(main()) == b"one"
