"""The client of the hops before servers that are slow, wrong, broken or hostile: real sockets."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from raw_server import CHUNKED, OK, answering, posted, request, serving

from stagewire_local.client import Client, LostError
from stagewire_local.connection import HEAD_BYTES
from stagewire_local.driver import Address
from stagewire_local.limits import MIB

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


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_header_of_two_lines_is_refused(run, end):
    """It could be another header, or another request; nothing is sent."""

    async def main():
        with pytest.raises(ValueError, match="header Accept has more than one line"):
            await posted(Address("127.0.0.1", 9), Accept=f"a{end}X-Other: b")

    run(main())


def test_bytes_of_a_header_that_are_no_text_come_through(run):
    """A container's header is bytes; what goes in is what comes out."""
    raw = b"HTTP/1.1 200 OK\r\nX-A: \xff \r\nX-A: second\r\nContent-Length: 0\r\n\r\n"

    async def main():
        async with serving(answering(raw)) as address:
            return await posted(address)

    answer = run(main())

    assert answer.headers["x-a"].encode("utf-8", "surrogateescape") == b"\xff"


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


def test_an_answer_before_the_body_was_sent_is_the_answer(run):
    """A 413 need not read what it refuses; half a request is on its connection, so the next one has its own."""
    connections = []

    async def behave(reader, writer):
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await gone.wait()

    async def main():
        nonlocal gone
        gone = asyncio.Event()
        async with serving(behave) as address, Client() as client:
            answers = [
                await posted(address, body, client=client) for body in (bytes(64 * MIB), b"x")
            ]
            gone.set()
            return [answer.status for answer in answers]

    gone = None

    assert run(main()) == [413, 413]
    assert len(connections) == 2


def test_what_follows_a_good_answer_ends_the_connection_and_not_the_answer(run):
    """Whoever sends more than was asked for is not asked again on that connection."""
    connections = []

    async def behave(reader, writer):
        connections.append(writer)
        while True:
            await request(reader)
            writer.write(OK + b"\x00 and more")

    async def main():
        async with serving(behave) as address, Client() as client:
            return [(await posted(address, client=client)).body for _ in range(2)]

    assert run(main()) == [b"ok", b"ok"]
    assert len(connections) == 2


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
