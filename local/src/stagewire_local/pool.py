"""Keeps connections to containers for the next request, and opens new ones."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from stagewire_local.connection import Connection, LateError

if TYPE_CHECKING:
    from stagewire_local.driver import Address

# Shorter than any common server's own (gunicorn 2 s, uvicorn 5 s, nginx 75 s), so that the server does
# not close a connection at the moment when we send on it.
KEEP_ALIVE_SECONDS = 1.0


class UnreachableError(Exception):
    """No connection was made, so the container has not seen the request."""


class Pool:
    """The connections of one event loop, those that carry a request and those that could."""

    def __init__(self) -> None:
        self._all: set[Connection] = set()
        self._idle: dict[Address, list[Connection]] = {}
        # Addresses that close connections after an answer without announcing it: a request sent at that
        # moment would be lost. Never more than there are ports.
        self._closers: set[Address] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    async def taken(self, address: Address, *, by: float) -> Connection:
        """Take a kept connection, or open one. Raises UnreachableError or LateError."""
        return self._kept(address) or await self._opened(address, by=by)

    def made(self, connection: Connection) -> None:
        """Know a connection until it is lost."""
        self._all.add(connection)

    def freed(self, connection: Connection) -> None:
        """Keep a connection for a moment; of an address among the closers only one, to see if it stays open."""
        loop = asyncio.get_running_loop()
        idle = self._idle.setdefault(connection.address, [])
        if connection.address in self._closers:
            idle[:] = [each for each in idle if each.open]
            if idle:
                connection.abort()
                return
        connection.idle_since = loop.time()
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(KEEP_ALIVE_SECONDS, self._sweep)

    def lost(self, connection: Connection) -> None:
        """Forget a connection, and learn from its end."""
        self._all.discard(connection)
        age = asyncio.get_running_loop().time() - connection.idle_since
        if connection.dropped and age < KEEP_ALIVE_SECONDS:
            self._closers.add(connection.address)
        if not self._all:
            self._empty.set()

    async def close(self) -> None:
        """End all connections, and wait until they are closed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._all:
            self._empty.clear()
            for connection in self._all:
                connection.abort()
            await self._empty.wait()

    def _kept(self, address: Address) -> Connection | None:
        """Take the connection that was used last, which is the freshest one."""
        idle = self._idle.get(address)
        if idle is None or address in self._closers:
            return None
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.open and connection.idle_since > oldest and connection.quiet:
                return connection
            connection.abort()
        return None

    async def _opened(self, address: Address, *, by: float) -> Connection:
        """Open a connection by a moment of the loop. Raises UnreachableError or LateError."""
        try:
            async with asyncio.timeout_at(by):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(address, owner=self),
                    address.host,
                    address.port,
                    # Both drivers publish on 127.0.0.1; "localhost" must not mean ::1 first.
                    family=socket.AF_INET6 if ":" in address.host else socket.AF_INET,
                )
        except TimeoutError as error:
            raise LateError(f"no connection to {address.url} in time") from error
        except OSError as error:
            raise UnreachableError(str(error)) from error
        return connection

    def _sweep(self) -> None:
        """End connections that were idle for too long, and forget addresses without any."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - KEEP_ALIVE_SECONDS
        for address, idle in list(self._idle.items()):
            for connection in idle:
                if connection.idle_since <= oldest:
                    if connection.open:
                        self._closers.discard(address)  # it has kept this one
                    connection.abort()
            idle[:] = [each for each in idle if each.open]
            if not idle:
                del self._idle[address]
        again = bool(self._idle)
        self._sweeper = loop.call_later(KEEP_ALIVE_SECONDS, self._sweep) if again else None
