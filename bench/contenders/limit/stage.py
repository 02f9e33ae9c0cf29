"""The limit: the same arithmetic behind a bare protocol, with nothing that makes it a service.

No validation, no negotiation, no errors, no request ids, no metrics: bytes that are known to be good
become bytes, with the cheapest parser for their size, on uvloop and httptools without a framework.
What a stage takes longer than this is the price of what it promises.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httptools
import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

    Work = Callable[[bytes], bytes]

# Above this the work leaves the loop, so that both cores are used (measured: the faster for 1,000 rows).
INLINE_BYTES = 16_384

POOL = ThreadPoolExecutor(os.cpu_count())


class Bare(asyncio.Protocol):
    """One connection."""

    work: Work
    media: bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to parse."""
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Forget the request before."""
        self.parts: list[bytes] = []

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self.parts.append(part)

    def on_message_complete(self) -> None:
        """Answer; a request without a body is a ping."""
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        if len(body) <= INLINE_BYTES:
            self.write(self.work(body) if body else b"")
            return
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(POOL, self.work, body)
        done.add_done_callback(lambda future: self.write(future.result()))

    def write(self, answer: bytes) -> None:
        """Send one answer."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (self.media, len(answer)) + answer)


async def serve(port: int) -> None:
    """Listen until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve the stage that the first argument names, or `echo`."""
    if sys.argv[1] == "echo":
        Bare.media = b"text/csv"
        Bare.work = staticmethod(lambda body: body)
        uvloop.run(serve(int(os.environ["PORT"])))
        return
    if sys.argv[1] == "featurizer":
        from features import load

        Bare.media = b"application/octet-stream"
    else:
        from predictions import load

        Bare.media = b"text/csv"
    Bare.work = staticmethod(load(os.environ["MODEL_DIR"]))
    uvloop.run(serve(int(os.environ["PORT"])))


if __name__ == "__main__":
    main()
