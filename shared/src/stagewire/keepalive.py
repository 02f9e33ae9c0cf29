"""One timer a connection for its keep-alive, where uvicorn starts and cancels one for each request.

On uvloop each is a handle to open and to close again, which was a seventh of the CPU time of a
one-row request.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Patient(HttpToolsProtocol):
    """uvicorn's protocol for httptools; `rested` is when the last answer was given, None while one is due."""

    rested: float | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End the timer too, which would keep all this for its time."""
        super().connection_lost(exc)
        self._disarm()

    def on_response_complete(self) -> None:
        """Let uvicorn go on to what waits behind, or arm a timer of its own."""
        self._disarm()
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self.rested = self.loop.time()

    def rest(self) -> None:
        """Note that a request was answered with nothing behind it."""
        self.server_state.total_requests += 1
        self.rested = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._arm(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close when it has rested for so long; else look again when it would have."""
        self.timeout_keep_alive_task = None
        if self.rested is None:
            return  # its answer arms the next timer
        left = self.rested + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._arm(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """Hear that data has come; the timer will see it."""
        self.rested = None

    def _arm(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _disarm(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
