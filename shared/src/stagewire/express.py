"""Small requests are answered in the call that delivers their last byte, without a task of their own.

uvicorn makes a task, a cycle and an event for each request, and writes head and body apart: 40 us of
one row's 60. What the lane answers needs none of that, nor does a ping, which then never waits for
a turn of the loop. Everything else takes uvicorn's own path, unchanged.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
from httptools import HttpRequestParser

from stagewire.asked import Asked
from stagewire.errors import Malformed
from stagewire.front import Front
from stagewire.headers import Headers
from stagewire.keepalive import KeepAlive
from stagewire.request import new_id

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nx-request-id: %b\r\ncontent-length: %d\r\n\r\n"
_PONG = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-request-id: %b\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n"
)
_USUAL = {b"/invocations": b"POST", b"/ping": b"GET"}


class Express(KeepAlive):
    """uvicorn's protocol for httptools, with a short cut to a stage's lane."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        # The parts of a body that may take the short cut, None for a request that may not.
        self.parts: list[bytes] | None = None
        app: Any = self.app
        own = isinstance(app, Front) and not app.service.settings.access_log
        self.front: Front | None = app if own else None
        self.stated: list[tuple[bytes, bytes]] = []
        # Whether the parser has seen nothing yet of the next request.
        self.between = True
        # Whether the lane has declined the request that is parsed now.
        self.refused = False
        # What was asked and answered last, and its body.
        self.last: tuple[Asked, bytes] | None = None
        # Where the rest begins of what came, once another protocol was asked for.
        self.declined: int | None = None

    def data_received(self, data: bytes) -> None:
        """Answer what came by a head that is known, or parse it first."""
        front = self.front if self.between else None
        if front is not None and self._idle() and (known := front.heads.find(data)) is not None:
            if self._done(front, *known):
                return
            self.refused = True
        self._parse(data)
        if front is not None and self.last is not None:
            front.heads.keep(data, *self.last)
        self.last, self.refused = None, False

    def _parse(self, data: bytes) -> None:
        """Parse what came; a request that is not whole by then goes uvicorn's way."""
        super().data_received(data)
        while self.declined is not None:
            data, self.declined = self._head() + data[self.declined :], None
            self.parser = HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            super().data_received(data)
        if self.parts is not None:
            self._usual_way()

    def on_message_begin(self) -> None:
        """Begin a request; the scope that uvicorn makes here is made where it is needed."""
        self.between = False
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Wait for the body, where the short cut may be taken."""
        if self._upgrade():
            return
        if self._plain():
            self.parts = []
            # Trailers are no headers (RFC 9110 §6.5.1): they go to a list that nobody reads.
            self.stated, self.headers = self.headers, []
        else:
            self._begin()

    def _begin(self) -> None:
        """Do what uvicorn would have done by now."""
        url, headers, expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expected
        self.headers += headers  # in place: the scope holds this list
        super().on_headers_complete()
        self.headers = []  # the scope has its list, and trailers do not come into it

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self.parts is None:
            super().on_body(body)
        else:
            self.parts.append(body)

    def on_message_complete(self) -> None:
        """Answer, or go uvicorn's way after all."""
        self.between = True
        if self.parts is not None:
            if self._answered(self.parts):
                self.parts = None
                return
            self._usual_way()
        if not self._upgrade():
            super().on_message_complete()

    def _upgrade(self) -> bool:
        """Tell a request for another protocol, whose body the parser passes over."""
        parser: Any = self.parser
        return bool(parser.should_upgrade() and parser.get_method() != b"CONNECT")

    def _unsupported_upgrade_warning(self) -> None:
        """Note where the body begins; whatever is asked for, HTTP/1.1 is spoken (RFC 9110 §7.8)."""
        error = sys.exception()
        if self._upgrade() and error is not None:
            self.declined = error.args[0]

    def _head(self) -> bytes:
        """Write the request's head again, as if no other protocol had been asked for."""
        parser: Any = self.parser
        first = b"%b %b HTTP/%b" % (
            parser.get_method(),
            self.url,
            parser.get_http_version().encode("ascii"),
        )
        lines = [b"%b: %b" % pair for pair in self.headers if pair[0] != b"upgrade"]
        return b"\r\n".join([first, *lines, b"", b""])

    def _plain(self) -> bool:
        """Tell a usual request that nothing else is in flight before, and that may follow others."""
        parser: Any = self.parser  # None only once the connection is lost
        return (
            self.front is not None
            and not self.refused
            and parser.get_method() == _USUAL.get(self.url)
            and self._idle()
            and not self.expect_100_continue
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        )

    def _idle(self) -> bool:
        """Tell whether nothing was asked before that still has its answer to get."""
        cycle: Any = self.cycle  # None before the first, whatever its annotation says
        answered = cycle is None or cycle.response_complete
        return answered and not self.pipeline and not self.flow.write_paused

    def _answered(self, parts: list[bytes]) -> bool:
        if self.front is None or self.server_state.default_headers:
            return False
        if self.url == b"/ping":
            return self._pong(self.front)
        asked = Asked.of(Headers(self.stated))
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if asked is None or not self._done(self.front, asked, asked.passed, body):
            return False
        self.last = asked, body
        return True

    def _done(self, front: Front, asked: Asked, passed: str | None, body: bytes) -> bool:
        """Answer where the lane does."""
        found = front.at_once(asked, passed, body)
        if found is None:
            return False
        content, kind, request_id = found
        head = _HEAD % (kind.encode("latin-1"), request_id.encode("ascii"), len(content))
        self.transport.write(head + content)
        self.mark_idle()
        return True

    def _pong(self, front: Front) -> bool:
        if not front.ready():
            return False
        self.transport.write(_PONG)
        self.mark_idle()
        return True

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the one shape, and close: nobody knows where the next request begins."""
        app: Any = self.app
        if not isinstance(app, Front):
            super().send_400_response(msg)
            return
        request_id = new_id()
        error = Malformed("the request is not valid HTTP")
        body = orjson.dumps(error.as_json(stage=app.service.name, request_id=request_id))
        self.transport.write(_REFUSED % (request_id.encode("ascii"), len(body)) + body)
        self.transport.close()

    def _usual_way(self) -> None:
        """Begin as uvicorn would have when the headers were there."""
        parts, self.parts = self.parts or [], None
        self.headers = self.stated
        self.expect_100_continue = False  # else only a trailer said so
        self._begin()
        for part in parts:
            super().on_body(part)
