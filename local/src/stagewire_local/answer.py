"""What a container answers, gathered whole or passed on while it still comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from stagewire_local.connection import Connection

# Of a body that nobody takes, this much is held before the container has to wait.
HELD_BYTES = 256 * 1024


class Answer(NamedTuple):
    """A container's answer; `size` exceeds `len(body)` when the body was cut at the limit.

    The names of its headers are in lower case; of a header that is repeated it has the first.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    size: int


class Whole:
    """Gathers an answer and keeps at most `limit` bytes of its body."""

    __slots__ = ("_headers", "_limit", "_pieces", "_room", "_size", "_status", "answer")

    def __init__(self, limit: int, *, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self._limit = self._room = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head."""
        self._status = status
        self._headers = headers

    def take(self, piece: bytes) -> None:
        """Take a piece of the body; beyond the limit it is only counted."""
        self._size += len(piece)
        if self._room > 0:
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)

    def end(self) -> None:
        """Hand the answer over."""
        if not self.answer.done():
            body = b"".join(self._pieces)
            self.answer.set_result(Answer(self._status, self._headers, body, self._size))

    def fail(self, error: Exception) -> None:
        """Hand over why there is none."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Flow:
    """Passes an answer on in pieces; a container that is too fast for its reader has to wait."""

    def __init__(self, connection: Connection, *, loop: asyncio.AbstractEventLoop) -> None:
        self.stream: asyncio.Future[Stream] = loop.create_future()
        self.error: Exception | None = None
        self.ended = False
        self._connection = connection
        self._pieces: list[bytes] = []
        self._held = 0
        self._news = asyncio.Event()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Hand the head over."""
        if not self.stream.done():
            self.stream.set_result(Stream(status, headers, flow=self))

    def take(self, piece: bytes) -> None:
        """Hold a piece of the body until somebody takes it."""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > HELD_BYTES:
            self._connection.hold()
        self._news.set()

    def end(self) -> None:
        """Say that the body is whole."""
        self.ended = True
        self._news.set()

    def fail(self, error: Exception) -> None:
        """Say why nothing more comes."""
        if not self.stream.done():
            self.stream.set_exception(error)
        self.error = error
        self._news.set()

    async def some(self) -> bytes:
        """Return what is there, waiting for something; empty at the end."""
        await self._news.wait()
        if self._pieces:
            found = b"".join(self._pieces)
            self._pieces.clear()
            self._held = 0
            if not self.ended and self.error is None:
                self._news.clear()
                self._connection.go_on()
            return found
        if self.error is not None:
            raise self.error
        return b""


class Stream:
    """An answer whose body is still on its way."""

    def __init__(self, status: int, headers: Mapping[str, str], *, flow: Flow) -> None:
        self.status = status
        self.headers = headers
        self._flow = flow

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the body as it comes, waiting for nothing. Raises LostError or LateError."""
        while chunk := await self._flow.some():
            yield chunk

    async def read(self, *, limit: int) -> bytes:
        """Read the body to its end and keep `limit` bytes. Raises LostError or LateError."""
        kept = bytearray()
        while chunk := await self._flow.some():
            kept += chunk[: max(0, limit - len(kept))]
        return bytes(kept)
