"""The cheapest container that keeps the hosting contract, so that a measurement is that of the door.

It answers what it got, a comma and its process id. No library: it also runs in a bare image.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%s"


class Echo(asyncio.Protocol):
    """One connection; requests come one after another, each with a length."""

    def __init__(self) -> None:
        self.own = f",{os.getpid()}".encode()
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            size = int(length or 0)
            if len(rest) < size:
                return
            self.data = rest[size:]
            answer = b"" if head.startswith(b"GET") else rest[:size] + self.own
            self.transport.write(ANSWER % (len(answer), answer))


async def serve() -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    host = os.environ.get("STAGEWIRE_HOST", "0.0.0.0")  # noqa: S104 (in a container of its own)
    server = await loop.create_server(Echo, host, port, backlog=1024)
    print(f"echoes on {server.sockets[0].getsockname()[1]}", flush=True)
    await ending.wait()


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    with contextlib.suppress(KeyboardInterrupt):
        run(serve())
