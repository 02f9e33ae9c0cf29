"""One kept connection that posts, as light as it can be, so that a measurement is of the endpoint.

httptools parses, as in the servers: a pair of hops driven by httpx costs 1.8 to 9 ms of CPU, by
boto3's threads the interpreter's lock, by this some 0.05 ms.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Mapping

# The ports that a URL need not name, without TLS and with it.
USUAL = (80, 443)


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, the content type, and the body."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Address:
    """Where to post: host, port, whether by TLS, and the path with its query."""

    host: str
    port: int
    tls: bool
    path: str

    def request(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Write a request as it goes over the wire."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        told = {
            "Host": host if self.port == USUAL[self.tls] else f"{host}:{self.port}",
            **headers,
            "Content-Length": str(len(body)),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class Caller(asyncio.Protocol):
    """A connection with at most one request on its way."""

    def __init__(self) -> None:
        self.open = False
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Reply] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._kind = ""
        self._body = bytearray()

    def post(self, request: bytes) -> asyncio.Future[Reply]:
        """Send a request; the reply, or OSError where the connection ends first."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport and self.open:
            self._transport.write(request)
        else:
            self._waiting.set_exception(ConnectionResetError("the connection is closed"))
        return self._waiting

    def close(self) -> None:
        """End the connection."""
        self.open = False
        if self._transport:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what waits."""
        self.open = False
        self._fail(exc or ConnectionResetError("the connection was closed before an answer"))

    def data_received(self, data: bytes) -> None:
        """Read a reply, or a part of one."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionAbortedError(f"the answer is not HTTP: {error}"))
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the content type."""
        if name.lower() == b"content-type":
            self._kind = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Hand the reply over."""
        reply = Reply(self._parser.get_status_code(), self._kind, bytes(self._body))
        if not self._parser.should_keep_alive():
            self.close()
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(reply)
        self._begin()

    def _fail(self, error: Exception) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(error)


async def connect(address: Address) -> Caller:
    """Open a connection.

    Raises:
        OSError: nobody listens there.

    """
    context = ssl.create_default_context() if address.tls else None
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(Caller, address.host, address.port, ssl=context)
    return caller
