"""Reads a request and writes a response in ASGI, so that the runtime need not know ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from stagewire_local.errors import BodyTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class GoneError(Exception):
    """The caller hung up before the request was whole; nobody is left to answer."""


class Request:
    """A request whose body is read only when somebody asks for it.

    `streamed` tells whether its answer has begun, and comes piece by piece.
    """

    streamed = False

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._raw: bytes = scope["raw_path"]
        # Decoded when somebody asks: an SDK sends a dozen and few are looked at. By the rules of
        # ASGI the names are in lower case.
        lines: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers: dict[bytes, bytes] = dict(lines)
        if len(self._headers) < len(lines):
            self._headers = joined(lines)
        self._receive = receive
        self._whole = False

    def header(self, name: str) -> str | None:
        """Return a header's value, whatever the case of its name."""
        value = self._headers.get(name.lower().encode())
        return None if value is None else value.decode("latin-1")

    @property
    def raw(self) -> str:
        """The path as it came: in a name that it holds, `%2F` is no end of that name."""
        return self._raw.decode("ascii")

    @property
    def waits(self) -> bool:
        """Tell whether the caller holds the body back until it is told to continue."""
        return b"expect" in self._headers and not self._whole

    async def body(self, *, limit: int) -> bytes:
        """Read the body. Raises BodyTooLargeError (before reading, if announced) or GoneError."""
        announced = self._headers.get(b"content-length", b"")
        if announced.isdigit():
            check(int(announced), limit=limit)
        chunks: list[bytes] = []
        size = 0
        while not self._whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            check(size, limit=limit)
            chunks.append(chunk)
            self._whole = not message.get("more_body", False)
        return b"".join(chunks)

    async def respond(
        self, send: Send, *, status: int, headers: Mapping[str, str | None], body: bytes
    ) -> None:
        """Write a response; headers that are None are left out."""
        lines = encoded(headers)
        lines.append((b"content-length", str(len(body)).encode()))
        if self.waits:
            # The body never comes, so the next bytes on this connection would be taken for it.
            lines.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    async def stream(
        self, send: Send, *, headers: Mapping[str, str | None], chunks: AsyncIterator[bytes]
    ) -> None:
        """Write a response with status 200 piece by piece, until the caller hangs up.

        The body of the request must have been read.
        """
        self.streamed = True
        await send({"type": "http.response.start", "status": 200, "headers": encoded(headers)})
        # A server drops what is sent to a caller that has left; the container should stop too.
        leaving = asyncio.ensure_future(self._receive())
        writing = asyncio.create_task(write(send, chunks))
        try:
            await asyncio.wait([leaving, writing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            writing.cancel()
            await asyncio.gather(leaving, writing, return_exceptions=True)
        if not writing.cancelled():
            writing.result()


def joined(lines: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Make one header of those with one name: their values are one list (RFC 9110 §5.2)."""
    found: dict[bytes, bytes] = {}
    for name, value in lines:
        if found.get(name, value) == value:
            found[name] = value  # said again, which some clients do with a Content-Type
        else:
            found[name] += b", " + value
    return found


async def write(send: Send, chunks: AsyncIterator[bytes]) -> None:
    """Write the pieces of a body and its end."""
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def encoded(headers: Mapping[str, str | None]) -> list[tuple[bytes, bytes]]:
    """Write headers as ASGI has them; those that are None are left out."""
    return [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
        for name, value in headers.items()
        if value is not None
    ]


def check(size: int, *, limit: int) -> None:
    """Refuse a body that is too large. Raises BodyTooLargeError."""
    if size > limit:
        raise BodyTooLargeError(f"The request body is larger than the maximum of {limit} bytes.")
