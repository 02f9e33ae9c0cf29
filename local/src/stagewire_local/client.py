"""The HTTP client of the hops, behind four exceptions, so that a faster one can replace it.

aiohttp, because httpx costs more CPU for two hops than both stages together.
"""

from __future__ import annotations

import asyncio
import io
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
    from types import TracebackType

# Seen in containers' access logs on the platform in 2019-20; nobody published a newer one.
USER_AGENT = "AHC/2.0"
# Shorter than any common server's own (gunicorn 2 s, uvicorn 5 s, nginx 75 s): the connection
# must not be closed by the server in the moment in which we send on it.
KEEP_ALIVE_SECONDS = 1.0
CHUNK = 64 * 1024
# aiohttp writes bytes at once and a file in pieces; it warns of larger bytes itself.
AT_ONCE = 512 * 1024


class UnreachableError(Exception):
    """No connection was made, so the container has not seen the request."""


class LostError(Exception):
    """The connection ended, or spoke no HTTP, before the answer was whole."""


class LateError(Exception):
    """The answer was not whole in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A container's answer; `size` exceeds `len(body)` when the body was cut at the limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int


class Stream:
    """An answer whose body is still on its way."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it comes, waiting for nothing. Raises LostError or LateError."""
        with translated():
            async for chunk in self._response.content.iter_any():
                yield chunk

    async def read(self, *, limit: int) -> bytes:
        """Read the body to its end and keep `limit` bytes. Raises LostError or LateError."""
        with translated():
            return (await read(self._response, limit=limit))[0]


class Client:
    """One pool of kept-alive connections to all containers."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                # The stage bounds its own work and says 503; a queue here would hide that.
                limit=0,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
            ),
            auto_decompress=False,
            # A stage must see what the platform would send, and nothing that a library adds.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], seconds: float, limit: int
    ) -> Answer:
        """Send a body and read at most `limit` bytes of the answer; 3xx are not followed.

        Raises UnreachableError, LostError or LateError.
        """
        return await self._send(
            "POST", url, body=body, headers=headers, seconds=seconds, limit=limit
        )

    @asynccontextmanager
    async def stream(
        self, url: str, body: bytes, *, headers: Mapping[str, str], seconds: float
    ) -> AsyncGenerator[Stream]:
        """Send a body and give the answer when its head is there; `seconds` are for all of it.

        Raises UnreachableError, LostError or LateError. Who leaves early ends the connection.
        """
        with translated():
            response = await self._begin("POST", url, body=body, headers=headers, seconds=seconds)
        try:
            yield Stream(response)
        finally:
            response.close()

    async def ping(self, url: str, *, seconds: float) -> int | None:
        """GET a health route and return its status, or None without an answer in time."""
        try:
            answer = await self._send(
                "GET", url, body=None, headers={}, seconds=seconds, limit=CHUNK
            )
        except (UnreachableError, LostError, LateError):
            return None
        return answer.status

    async def _send(  # noqa: PLR0913 -- a request has these parts
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
        limit: int,
    ) -> Answer:
        with translated():
            async with await self._begin(
                method, url, body=body, headers=headers, seconds=seconds
            ) as response:
                kept, size = await read(response, limit=limit)
                return Answer(response.status, response.headers, kept, size)

    async def _begin(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> aiohttp.ClientResponse:
        return await self._session.request(
            method,
            url,
            data=io.BytesIO(body) if body and len(body) > AT_ONCE else body,
            headers={"User-Agent": USER_AGENT, **headers},
            timeout=aiohttp.ClientTimeout(total=seconds),
            allow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        # aiohttp closes its transports in the next turns of the loop.
        await asyncio.sleep(0)


@contextmanager
def translated() -> Generator[None]:
    """Turn what aiohttp raises into this module's words."""
    try:
        yield
    except TimeoutError as error:
        raise LateError(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise UnreachableError(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise LostError(str(error)) from error


async def read(response: aiohttp.ClientResponse, *, limit: int) -> tuple[bytes, int]:
    """Read a body, keeping `limit` bytes of it, and count all of it."""
    kept = bytearray()
    size = 0
    async for chunk in response.content.iter_chunked(CHUNK):
        size += len(chunk)
        if len(kept) < limit:
            kept += chunk[: limit - len(kept)]
    return bytes(kept), size
