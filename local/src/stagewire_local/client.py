"""The HTTP client of the hops: it says what it asks of a container and until when."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from stagewire_local.answer import Answer, Flow, Stream, Whole
from stagewire_local.connection import Connection, LateError, LostError
from stagewire_local.pool import Pool, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType

    from stagewire_local.driver import Address

__all__ = ["Answer", "Client", "LateError", "LostError", "Stream", "UnreachableError"]

# Seen in containers' access logs on the platform in 2019-20; nobody published a newer one.
USER_AGENT = "AHC/2.0"
PING_BYTES = 64 * 1024  # what is kept of an answer to /ping, which should have no body


class Client:
    """One pool of kept-alive connections to all containers, as many as are needed.

    The stage bounds its own work and says 503; a queue here would hide that.
    """

    def __init__(self) -> None:
        self.pool = Pool()

    async def post(  # noqa: PLR0913 (a request has these parts)
        self,
        address: Address,
        path: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        seconds: float,
        limit: int,
    ) -> Answer:
        """Send a body and read at most `limit` bytes of the answer; 3xx are not followed.

        It is sent once: whether a container that is lost has acted on it cannot be known.
        Raises UnreachableError, LostError or LateError.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        head = written("POST", path, address, headers=headers, size=len(body))
        connection = await self.pool.taken(address, by=deadline)
        whole = Whole(limit, loop=loop)
        connection.ask(head, body, sink=whole)
        return await answered(whole, connection, deadline=deadline)

    @asynccontextmanager
    async def stream(
        self,
        address: Address,
        path: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        seconds: float,
    ) -> AsyncGenerator[Stream]:
        """Send a body and give the answer when its head is there; `seconds` are for all of it.

        Raises UnreachableError, LostError or LateError. Leaving the block early ends the connection.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        head = written("POST", path, address, headers=headers, size=len(body))
        connection = await self.pool.taken(address, by=deadline)
        flow = Flow(connection, loop=loop)
        connection.ask(head, body, sink=flow)
        timer = loop.call_at(deadline, connection.late, flow)
        try:
            yield await flow.stream
        finally:
            timer.cancel()
            connection.leave(flow)

    async def ping(self, address: Address, *, seconds: float) -> int | None:
        """GET the health route and return its status, or None without an answer in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        head = written("GET", "/ping", address, headers={}, size=None)
        try:
            while True:
                connection = await self.pool.taken(address, by=deadline)
                whole = Whole(PING_BYTES, loop=loop)
                connection.ask(head, b"", sink=whole)
                try:
                    answer = await answered(whole, connection, deadline=deadline)
                except LostError:
                    # A kept connection that ends without a byte says nothing of its container.
                    if connection.heard or not connection.used:
                        raise
                else:
                    return answer.status
        except (UnreachableError, LostError, LateError):
            return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.pool.close()


async def answered(whole: Whole, connection: Connection, *, deadline: float) -> Answer:
    """Wait for an answer; to stop waiting ends the connection. Raises LostError or LateError."""
    timer = asyncio.get_running_loop().call_at(deadline, connection.late, whole)
    try:
        return await whole.answer
    finally:
        timer.cancel()
        connection.leave(whole)


def written(
    method: str, path: str, address: Address, *, headers: Mapping[str, str], size: int | None
) -> bytes:
    """Write the head of a request, with no header that the platform would not send.

    Raises ValueError for a header that would break out of its line.
    """
    text = f"{method} {path} HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: {USER_AGENT}\r\n"
    for name, value in headers.items():
        if "\n" in value or "\r" in value:
            raise ValueError(f"header {name} has more than one line: {value!r}")
        text += f"{name}: {value}\r\n"
    if size is not None:
        text += f"Content-Length: {size}\r\n"
    return (text + "\r\n").encode("utf-8", "surrogateescape")
