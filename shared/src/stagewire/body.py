"""A request's body as ASGI brings it, never more of it than the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagewire.errors import TooLarge

if TYPE_CHECKING:
    from stagewire.front import Receive
    from stagewire.headers import Headers


async def read(receive: Receive, headers: Headers, limit: int) -> bytes | None:
    """Read a request's body, None when the client left.

    Raises:
        TooLarge: it is over the limit; told from Content-Length before a byte is read.

    """
    stated = headers.raw.get(b"content-length", b"")
    if stated.isdigit() and int(stated) > limit:
        raise _too_large(int(stated), limit)
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if len(body) > limit:
        raise _too_large(len(body), limit)
    if not message.get("more_body"):
        return body
    return await _rest(receive, body, limit)


async def _rest(receive: Receive, first: bytes, limit: int) -> bytes | None:
    chunks, size, more = [first], len(first), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(size, limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"the body has {size} bytes or more, and {limit} are the limit; send fewer rows a request"
    )
