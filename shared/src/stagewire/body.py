"""Reads a request's body, within the limit of one body and of all bodies together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from stagewire.errors import Busy, TooLarge

if TYPE_CHECKING:
    from types import TracebackType

    from stagewire.asgi import Receive
    from stagewire.headers import Headers


@dataclass(slots=True)
class Store:
    """The bytes of the bodies that are being read or waiting for an answer, and how many may be."""

    limit: int
    held: int = 0


class Share:
    """One request's part of a store, given back at its end."""

    __slots__ = ("held", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.held = 0

    def take(self, size: int) -> None:
        """Take more of the store.

        Raises:
            Busy: others hold too much of it. A request that is alone may hold any body.

        """
        store = self.store
        others = store.held - self.held
        if others and store.held + size > store.limit:
            raise Busy(
                f"the server already holds requests of {others} bytes, and {store.limit} bytes are the limit"
            )
        self.held += size
        store.held += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.store.held -= self.held


async def read(receive: Receive, headers: Headers, limit: int, share: Share) -> bytes | None:
    """Read a request's body; None if the client disconnected.

    Raises:
        TooLarge: it is over the limit; Content-Length says so before a byte is read.
        Busy: together with other bodies it is more than may be held; known as early.

    """
    stated = headers.raw.get(b"content-length", b"")
    if stated.isdigit():
        if int(stated) > limit:
            raise _too_large(int(stated), limit)
        share.take(int(stated))
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message.get("body", b"")
    if len(body) > limit:
        raise _too_large(len(body), limit)
    if not message.get("more_body"):
        return body
    return await _rest(receive, body, limit, share)


async def _rest(receive: Receive, first: bytes, limit: int, share: Share) -> bytes | None:
    chunks, size, more = [first], len(first), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(size, limit)
        if size > share.held:  # chunked: its size was not announced
            share.take(size - share.held)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"the body has {size} bytes or more, and {limit} are the limit; send fewer rows a request"
    )
