"""One HTTP/1.1 connection to a container: a request goes out, its answer comes in, then the next.

Built on httptools, whose parser is the one of Node.js: the two hops of a chain are the hot path of
the door, and a general client costs more CPU for them than both stages together.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagewire_local.driver import Address

# The most that is kept of a head without an end; nginx sends at most 32 KiB, and the platform's own
# headers are below 4 KiB.
HEAD_BYTES = 64 * 1024
# A body up to this size is written together with its head, as one packet; a larger one is not copied.
TOGETHER_BYTES = 64 * 1024
FIRST_FINAL = 200  # statuses below it only announce the answer


class LostError(Exception):
    """The connection ended, or spoke no HTTP, before the answer was whole."""


class LateError(Exception):
    """The answer was not whole in time."""


class Sink(Protocol):
    """Where an answer goes; after `end` or `fail` nothing follows."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head; the headers' names are in lower case."""
        ...

    def take(self, piece: bytes) -> None:
        """Take a piece of the body."""
        ...

    def end(self) -> None:
        """Learn that the answer is whole."""
        ...

    def fail(self, error: Exception) -> None:
        """Learn why it will not be."""
        ...


class Owner(Protocol):
    """Keeps connections, and learns what becomes of them."""

    def made(self, connection: Connection) -> None:
        """Learn of a new connection."""
        ...

    def freed(self, connection: Connection) -> None:
        """Learn that it could carry another request."""
        ...

    def lost(self, connection: Connection) -> None:
        """Learn of its end."""
        ...


class Connection(asyncio.Protocol):
    """A connection to the address by which its owner knows it.

    `heard` tells whether a byte came back since the last request, `used` whether there was an
    earlier one; `dropped`, when it is lost, whether the other side ended it between two answers.
    """

    def __init__(self, address: Address, *, owner: Owner) -> None:
        self.address = address
        self.heard = self.used = self.dropped = False
        self.idle_since = 0.0
        self._owner = owner
        self._parser = HttpResponseParser(self)
        self._sink: Sink | None = None
        self._held = False  # whether reading is paused
        self._left = False  # whether this side ended it
        self._unread = select.poll()
        # Of the answer: whether its head is there, all of it is, another one follows; whether the
        # connection outlives it, and whether it has no other end than the connection's.
        self._begun = self._whole = self._more = self._keep = self._until_end = False
        self._headers: dict[str, str] = {}
        self._head_bytes = 0

    @property
    def open(self) -> bool:
        """Whether it can be written to, for all that is known here."""
        return not self._transport.is_closing()

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that the loop has yet to read: an idle one's end, above all."""
        return not self._unread.poll(0)  # 0.3 us

    def ask(self, head: bytes, body: bytes, *, sink: Sink) -> None:
        """Send a request; the sink learns of its answer. One at a time."""
        self._sink = sink
        self.heard = False
        if not self.open:
            self._fail(LostError("the connection was closed"))
            return
        # The whole body at once: it is in memory already, and an answer that comes before it was
        # sent, a 413, is not missed while somebody waits to send the rest.
        if len(body) < TOGETHER_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def late(self, sink: Sink) -> None:
        """End a sink's request because its time is over; one that is answered already is left alone."""
        if self._sink is sink:
            self._fail(LateError("the answer was not whole in time"))

    def leave(self, sink: Sink) -> None:
        """End a sink's request because nobody waits for it; one that is answered already is left alone."""
        if self._sink is sink:
            self._sink = None
            self.abort()

    def hold(self) -> None:
        """Pause reading, so that the container waits: its answer is not consumed fast enough."""
        if not self._held and self.open:
            self._held = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Resume reading."""
        if self._held and self.open:
            self._held = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """End the connection without sending what is left to send."""
        self._left = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        # uvloop's is one without being a subclass.
        self._transport = cast("asyncio.Transport", transport)
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._owner.made(self)

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer; what nobody asked for ends the connection."""
        self.heard = True
        if self._sink is None:
            self.abort()
            return
        junk = False
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._whole:
                self._fail(LostError(f"the answer is no HTTP: {error}"))
                return
            junk = True  # behind a good answer
        if self._whole:
            self._end(reusable=self._keep and not (junk or self._more))
        elif not self._begun:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._fail(LostError(f"the answer's head is larger than {HEAD_BYTES} bytes"))

    def eof_received(self) -> None:
        """End an answer that has no other end than that of the connection."""
        if self._sink is not None and self._begun and self._until_end:
            self._end(reusable=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that waits for an answer, and tell the owner."""
        between = self._sink is None or not self.heard
        self.dropped = self.used and between and not self._left
        self._fail(LostError(str(exc or "the connection was closed")))
        self._owner.lost(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Note an answer that nobody asked for."""
        self._more = self._whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind the body (trailers) go nowhere, as on the platform."""
        if not (self._begun or self._whole):
            key = name.decode("latin-1").lower()
            self._headers.setdefault(key, value.strip().decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        """Hand the head over, unless it only announces the real one (1xx)."""
        status = self._parser.get_status_code()
        if status < FIRST_FINAL or self._whole or self._sink is None:
            return
        self._begun = True
        self._keep = self._parser.should_keep_alive()
        coded = self._headers.get("transfer-encoding")
        self._until_end = (
            "content-length" not in self._headers
            if coded is None
            else not coded.lower().endswith("chunked")
        )
        self._sink.begin(status, self._headers)

    def on_body(self, piece: bytes) -> None:
        """Hand a piece of the body over."""
        if self._sink is not None and not self._whole:
            self._sink.take(piece)

    def on_message_complete(self) -> None:
        """Note the end, or begin again after an announcement (1xx)."""
        if self._begun:
            self._whole = True
        else:
            self._headers = {}

    def _end(self, *, reusable: bool) -> None:
        sink, self._sink = self._sink, None
        self._reset()
        # An answer to half a request leaves the other half on its way.
        if reusable and self.open and not self._transport.get_write_buffer_size():
            self.used = True
            self.go_on()
            self._owner.freed(self)
        else:
            self.abort()
        if sink is not None:
            sink.end()

    def _fail(self, error: Exception) -> None:
        sink, self._sink = self._sink, None
        self.abort()
        if sink is not None:
            sink.fail(error)

    def _reset(self) -> None:
        self._begun = self._whole = self._more = self._keep = self._until_end = False
        self._headers = {}
        self._head_bytes = 0
