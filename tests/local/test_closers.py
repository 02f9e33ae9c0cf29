"""Containers that close a connection after their answer without saying so, as HTTP/1.1 lets them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from socket import SHUT_WR, create_server

import pytest
import uvloop

from stagewire_local.client import Client
from stagewire_local.driver import Address
from stagewire_local.pool import KEEP_ALIVE_SECONDS

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers on each connection in turn; `behave` says what it does after the first answer."""

    def __init__(self, listener, behave):
        self.listener = listener
        self.behave = behave
        self.address = Address(*listener.getsockname())
        self.connections = 0
        self.closed = threading.Event()  # the last connection, by the server

    def run(self):
        """Serve until the listener is shut."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=[connection]).start()

    def one(self, connection):
        """Serve one connection."""
        self.connections += 1
        with connection:
            self.answer(connection)
            self.behave(self, connection, self.connections)

    def answer(self, connection):
        """Read a request, all of it in one packet, and answer it; tell whether there was one."""
        try:
            if not connection.recv(65536):
                return False
            connection.sendall(OK)
        except ConnectionError:
            return False
        return True


def closing(server, connection, _number):
    """Close at once."""
    connection.shutdown(SHUT_WR)
    server.closed.set()


def crossing(server, connection, number):
    """Close the first at once, and each other in the moment in which the next request comes."""
    if number > 1:
        connection.recv(65536)
    closing(server, connection, number)


def keeping(server, connection, number):
    """Close the first at once, and keep all others."""
    if number == 1:
        closing(server, connection, number)
    while number > 1 and server.answer(connection):
        pass


@contextmanager
def serving(behave):
    """Run a server."""
    with create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener, behave)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(2)
            thread.join()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """Give a function that runs a coroutine in each of the two loops that doors run in."""

    def call(coroutine):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(asyncio.wait_for(coroutine, 30))

    return call


async def posted(client, server):
    """Send one request and return the answer's body."""
    answer = await client.post(
        server.address, "/invocations", b"x", headers={}, seconds=20, limit=100
    )
    return answer.body


async def pinged(client, server):
    """Ask for health as every container is asked first, and see the connection end."""
    assert await client.ping(server.address, seconds=20) == 200
    while len(client.pool):  # noqa: ASYNC110 (for a moment)
        await asyncio.sleep(0.001)


def test_a_connection_whose_end_has_arrived_unread_is_not_used(run):
    """The loop has not looked at it yet."""

    async def main():
        with serving(closing) as server:
            async with Client() as client:
                bodies = [await posted(client, server)]
                server.closed.wait(20)  # on purpose without the loop
                return [*bodies, await posted(client, server)]

    assert run(main()) == [b"ok", b"ok"]


def test_a_container_that_closes_each_connection_has_a_new_one_for_each_request(run):
    """An end that crosses the next request would lose it, and it must not be sent twice."""

    async def main():
        with serving(crossing) as server:
            async with Client() as client:
                await pinged(client, server)
                return [await posted(client, server) for _ in range(5)], server.connections

    assert run(main()) == ([b"ok"] * 5, 6)


def test_a_container_that_closed_once_and_keeps_the_next_is_trusted_again(run):
    """A stage that was started anew is not slow for ever."""

    async def main():
        with serving(keeping) as server:
            async with Client() as client:
                await pinged(client, server)
                await posted(client, server)
                await posted(client, server)
                before = server.connections
                await asyncio.sleep(2.5 * KEEP_ALIVE_SECONDS)  # its clock is what is tested
                for _ in range(3):
                    await posted(client, server)
                return before, server.connections

    before, after = run(main())

    assert before == 3  # one for the ping, one for each request
    assert after == 4  # one for all three
