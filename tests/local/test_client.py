"""The client of the hops before servers that are slow, wrong, broken or hostile: real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
import uvloop

from stagewire_local.answer import HELD_BYTES
from stagewire_local.client import Client, LateError, LostError, UnreachableError
from stagewire_local.connection import HEAD_BYTES
from stagewire_local.driver import Address
from stagewire_local.limits import MIB

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "a length": (OK, 200, b"ok"),
    "no body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
    "chunks": (CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
    "extensions and trailers": (
        CHUNKED + b'2;a=b;c="d"\r\nok\r\n0\r\nX-Late: 1\r\nContent-Type: no\r\n\r\n',
        200,
        b"ok",
    ),
    "the end of the connection": (b"HTTP/1.1 200 OK\r\n\r\nok", 200, b"ok"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nok", 200, b"ok"),
    "announcements before it": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n" + OK,
        200,
        b"ok",
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
    "an error that closes": (
        b"HTTP/1.1 503 \r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy",
        503,
        b"busy",
    ),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
}
BAD = {
    "nothing": b"",
    "garbage": b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
    "half a chunk": CHUNKED + b"64\r\nhalf",
    "no last chunk": CHUNKED + b"2\r\nok\r\n",
    "a wrong chunk": CHUNKED + b"zz\r\nok\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5 * HEAD_BYTES,
    "endless announcements": b"HTTP/1.1 100 Continue\r\n\r\n" * (HEAD_BYTES // 10),
    "another protocol from here": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nok"
    ),
}


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """Give a function that runs a coroutine in each of the two loops that doors run in."""

    def call(coroutine):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(asyncio.wait_for(coroutine, 30))

    return call


@asynccontextmanager
async def serving(behave):
    """Listen, hand each connection to `behave`, and give the address."""

    async def each(reader, writer):
        try:
            await behave(reader, writer)
        except ConnectionError:
            pass  # the client may leave whenever it wants
        finally:
            writer.close()

    server = await asyncio.start_server(each, "127.0.0.1", 0)
    async with server:
        yield Address(*server.sockets[0].getsockname())


async def request(reader):
    """Read a request whose body has an announced length."""
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, rest = head.lower().partition(b"content-length: ")
    return head, await reader.readexactly(int(rest.split(b"\r\n")[0] or 0)) if rest else b""


def answering(*answers):
    """Make a server that gives these answers, one a request and connection after connection."""
    left = iter(answers)

    async def behave(reader, writer):
        await request(reader)
        writer.write(next(left))
        await writer.drain()

    return behave


async def posted(address, body=b"x", *, seconds=20, limit=MIB, client=None, **headers):
    """Send one request, with a client of its own unless told."""
    if client is None:
        async with Client() as own:
            return await posted(address, body, seconds=seconds, limit=limit, client=own, **headers)
    return await client.post(
        address, "/invocations", body, headers=headers, seconds=seconds, limit=limit
    )


@pytest.mark.parametrize("name", GOOD)
def test_every_way_to_end_an_answer_is_understood(run, name):
    """Length, chunks, or the connection's end: the body is the same, and so is another client's."""
    raw, status, body = GOOD[name]

    async def main():
        async with serving(answering(raw, raw)) as address:
            answer = await posted(address)
            async with httpx.AsyncClient(timeout=20) as other:
                return answer, await other.post(f"{address.url}/invocations", content=b"x")

    answer, other = run(main())

    assert (answer.status, answer.body, answer.size) == (status, body, len(body))
    assert (other.status_code, other.content) == (status, body)
    assert {"x-early", "x-late", "content-type"}.isdisjoint(answer.headers)


@pytest.mark.parametrize("name", GOOD)
def test_an_answer_may_come_byte_by_byte(run, name):
    """Where the packets end means nothing."""
    raw, status, body = GOOD[name]

    async def behave(reader, writer):
        await request(reader)
        for byte in raw:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    async def main():
        async with serving(behave) as address:
            return await posted(address)

    answer = run(main())

    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_whole_answer_is_lost(run, name):
    """It is never passed on, and the error is the same one whatever was wrong."""

    async def main():
        async with serving(answering(BAD[name])) as address:
            with pytest.raises(LostError) as caught:
                await posted(address)
            return str(caught.value)

    assert run(main())


def test_the_request_is_what_the_platform_would_send(run):
    """No header that nobody asked for; the body follows at once."""
    seen = []

    async def behave(reader, writer):
        seen.append(await request(reader))
        writer.write(OK)

    async def main():
        async with serving(behave) as address:
            await posted(address, b"rows", Accept="text/csv")
            return address

    address = run(main())

    head = (
        f"POST /invocations HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n"
        "User-Agent: AHC/2.0\r\nAccept: text/csv\r\nContent-Length: 4\r\n\r\n"
    )
    assert seen == [(head.encode(), b"rows")]


def test_a_header_of_two_lines_is_refused(run):
    """It could be another header, or another request; nothing is sent."""

    async def main():
        with pytest.raises(ValueError, match="header Accept has more than one line"):
            await posted(Address("127.0.0.1", 9), Accept="a\r\nX-Other: b")

    run(main())


def test_bytes_of_a_header_that_are_no_text_come_through(run):
    """A container's header is bytes; what goes in is what comes out."""
    raw = b"HTTP/1.1 200 OK\r\nX-A: \xff \r\nX-A: second\r\nContent-Length: 0\r\n\r\n"

    async def main():
        async with serving(answering(raw)) as address:
            return await posted(address)

    answer = run(main())

    assert answer.headers["x-a"].encode("utf-8", "surrogateescape") == b"\xff"


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


def test_large_bodies_arrive_unchanged_in_both_directions(run):
    """They need many packets; what exceeds the limit is counted and dropped."""
    body = bytes(range(256)) * 40_000

    async def behave(reader, writer):
        for _ in range(2):
            _, got = await request(reader)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(got)}\r\n\r\n".encode() + got)
            await writer.drain()

    async def main():
        async with serving(behave) as address, Client() as client:
            return [
                await posted(address, body, client=client, limit=limit)
                for limit in (len(body), 1000)
            ]

    whole, cut = run(main())

    assert (whole.body, whole.size) == (body, len(body))
    assert (cut.body, cut.size) == (body[:1000], len(body))


def test_an_answer_before_the_body_was_sent_is_the_answer(run, until_async):
    """A 413 need not read what it refuses; the connection, with half a request on it, is ended."""

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await gone.wait()

    async def main():
        nonlocal gone
        gone = asyncio.Event()
        async with serving(behave) as address, Client() as client:
            answer = await posted(address, bytes(64 * MIB), client=client)
            await until_async(lambda: not len(client.pool))
            gone.set()
            return answer.status

    gone = None

    assert run(main()) == 413


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


def test_many_clients_at_once_get_their_own_answers(run):
    """64 requests at a time over kept connections; each answer is that of its own request."""

    async def behave(reader, writer):
        while True:
            _, body = await request(reader)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    async def caller(address, client, number):
        for turn in range(20):
            body = f"{number}-{turn}".encode()
            assert (await posted(address, body, client=client)).body == body

    async def main():
        async with serving(behave) as address, Client() as client:
            await asyncio.gather(*(caller(address, client, number) for number in range(64)))
            return len(client.pool)

    assert run(main()) <= 64
