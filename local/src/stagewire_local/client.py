"""The HTTP client of the hops, behind four exceptions, so that a faster one can replace it.

aiohttp, because httpx costs more CPU for two hops than both stages together.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping
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
        try:
            async with self._session.request(
                method,
                url,
                data=io.BytesIO(body) if body and len(body) > AT_ONCE else body,
                headers={"User-Agent": USER_AGENT, **headers},
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                kept, size = await read(response, limit=limit)
                return Answer(response.status, response.headers, kept, size)
        except TimeoutError as error:
            raise LateError(str(error)) from error
        except aiohttp.ClientConnectorError as error:
            raise UnreachableError(str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise LostError(str(error)) from error

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


async def read(response: aiohttp.ClientResponse, *, limit: int) -> tuple[bytes, int]:
    """Read a body, keeping `limit` bytes of it, and count all of it."""
    kept = bytearray()
    size = 0
    async for chunk in response.content.iter_chunked(CHUNK):
        size += len(chunk)
        if len(kept) < limit:
            kept += chunk[: limit - len(kept)]
    return bytes(kept), size
