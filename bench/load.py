"""A closed loop of clients on raw sockets, so that the load costs little beside what it measures."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import uvloop


@dataclass
class Client(asyncio.Protocol):
    """One keep-alive connection that sends the next request when the answer is there."""

    request: bytes
    until: float
    seconds: list[float]
    done: asyncio.Future[None]
    buffer: bytearray = field(default_factory=bytearray)
    start: float = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """Send one request, or end."""
        self.start = time.perf_counter()
        if self.start > self.until:
            self.transport.close()
        else:
            self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer, which must be a 200."""
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        header = bytes(self.buffer[:head]).lower()
        length = int(header.partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(self.buffer) < head + 4 + length:
            return
        if not header.startswith(b"http/1.1 200"):
            self.done.set_exception(RuntimeError(f"answered {self.buffer[: head + 200].decode()}"))
            self.transport.close()
            return
        self.seconds.append(time.perf_counter() - self.start)
        self.buffer.clear()
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        """End; an end that the server made is an error."""
        if not self.done.done():
            self.done.set_exception(error) if error else self.done.set_result(None)


def post(body: bytes, kind: str = "text/csv") -> bytes:
    """Write a request to /invocations."""
    head = f"POST /invocations HTTP/1.1\r\nHost: stage\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def run(port: int, request: bytes, clients: int, seconds: float) -> list[float]:
    """Send for some seconds; returns what each request took."""

    async def measure() -> list[float]:
        loop = asyncio.get_running_loop()
        took: list[float] = []
        until = time.perf_counter() + seconds
        ends = [loop.create_future() for _ in range(clients)]
        for end in ends:
            await loop.create_connection(
                lambda end=end: Client(request, until, took, end), "127.0.0.1", port
            )
        await asyncio.gather(*ends)
        return took

    return uvloop.run(measure())
