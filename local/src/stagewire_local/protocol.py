"""The door's HTTP/1.1: uvicorn's, but no body is lost to an offer of HTTP/2, and no trailer is a header.

Java's HttpClient and `curl --http2` offer h2c with every first request; httptools then passes over
the body, and uvicorn answers as if there were none.
"""

from __future__ import annotations

import sys
from typing import Any

from httptools import HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol for httptools, which speaks HTTP/1.1 whatever else is offered."""

    # Where the rest begins of what came, once another protocol was offered.
    declined: int | None = None

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request with an offer is parsed again without it."""
        super().data_received(data)
        while self.declined is not None:
            data, self.declined = self._head() + data[self.declined :], None
            self.parser = HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            super().data_received(data)

    def on_headers_complete(self) -> None:
        """Begin the request; what follows its body goes to a list that nobody reads."""
        super().on_headers_complete()
        self.headers = []

    def handle_websocket_upgrade(self) -> None:
        """Note where the body begins: the offer may be ignored (RFC 9110 §7.8)."""
        error = sys.exception()
        self.declined = error.args[0] if error is not None else None

    def _should_upgrade(self) -> bool:
        """Let uvicorn leave a request alone that the parser has not read to its end."""
        parser: Any = self.parser
        return bool(parser.get_method() != b"CONNECT")

    def _head(self) -> bytes:
        """Write the request's head again, as if no other protocol had been offered."""
        parser: Any = self.parser
        first = b"%b %b HTTP/%b" % (
            parser.get_method(),
            self.url,
            parser.get_http_version().encode("ascii"),
        )
        lines = [b"%b: %b" % pair for pair in self.scope["headers"] if pair[0] != b"upgrade"]
        return b"\r\n".join([first, *lines, b"", b""])
