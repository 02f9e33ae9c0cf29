"""Small requests answered in the very call that hands their last byte over, without a task or a cycle.

uvicorn makes a task, a cycle and an event for each request, and writes head and body apart: 40 us of
one row's 60. What the lane answers needs none of it. Everything else, and all that is not a plain
POST in one piece, takes uvicorn's own way, as it would have.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stagewire.front import Front
from stagewire.headers import Headers

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\nx-request-id: %b\r\ncontent-length: %d\r\n\r\n"


class Express(HttpToolsProtocol):
    """uvicorn's protocol for httptools, with a short cut to a stage's lane."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        # The parts of a body that may take the short cut, None for a request that may not.
        self.parts: list[bytes] | None = None
        app: Any = self.app
        own = isinstance(app, Front) and not app.service.settings.access_log
        self.front: Front | None = app if own else None

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that is not whole by then goes uvicorn's way."""
        super().data_received(data)
        if self.parts is not None:
            self._usual_way()

    def on_message_begin(self) -> None:
        """Begin a request; the scope that uvicorn makes here is made where it is needed."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Wait for the body, where the short cut may be taken."""
        if self._plain():
            self.parts = []
        else:
            self._begin()

    def _begin(self) -> None:
        """Do what uvicorn would have done by now."""
        url, headers, expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expected
        self.headers += headers  # in place: the scope holds this list
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self.parts is None:
            super().on_body(body)
        else:
            self.parts.append(body)

    def on_message_complete(self) -> None:
        """Answer, or go uvicorn's way after all."""
        if self.parts is not None:
            if self._answered(self.parts):
                self.parts = None
                return
            self._usual_way()
        super().on_message_complete()

    def _plain(self) -> bool:
        """Tell a POST to the stage that nothing else is in flight before, and that may follow others."""
        parser: Any = self.parser  # None only once the connection is lost
        cycle: Any = self.cycle  # None before the first, whatever its annotation says
        idle = cycle is None or cycle.response_complete
        return (
            self.front is not None
            and self.url == b"/invocations"
            and idle
            and not self.pipeline
            and not self.expect_100_continue
            and not self.flow.write_paused
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not parser.should_upgrade()
            and parser.should_keep_alive()
        )

    def _answered(self, parts: list[bytes]) -> bool:
        if self.front is None or self.server_state.default_headers:
            return False
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        found = self.front.at_once(Headers(self.headers), body)
        if found is None:
            return False
        content, kind, request_id = found
        head = _HEAD % (kind.encode("latin-1"), request_id.encode("ascii"), len(content))
        self.transport.write(head + content)
        self.on_response_complete()
        return True

    def _usual_way(self) -> None:
        """Begin as uvicorn would have when the headers were there."""
        parts, self.parts = self.parts or [], None
        self._begin()
        for part in parts:
            super().on_body(part)
