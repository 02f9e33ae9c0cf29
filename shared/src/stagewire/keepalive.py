"""One keep-alive timer a connection, where uvicorn starts and cancels one for each request.

On uvloop each timer is a handle that is opened and closed again: a seventh of the CPU time of a
one-row request.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class KeepAlive(HttpToolsProtocol):
    """uvicorn's protocol for httptools; `idle_since` is the loop's time of the last answer, None during a request."""

    idle_since: float | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer too, which would keep the connection in memory until it fires."""
        super().connection_lost(exc)
        self._disarm()

    def on_response_complete(self) -> None:
        """Let uvicorn go on to the next request in the pipeline, or start its own timer."""
        self._disarm()
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self.idle_since = self.loop.time()

    def mark_idle(self) -> None:
        """Note that a request was answered and no other one waits on this connection."""
        self.server_state.total_requests += 1
        self.idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._arm(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that was idle for the whole time; else look again when it would have been."""
        self.timeout_keep_alive_task = None
        if self.idle_since is None:
            return  # the answer starts the next timer
        left = self.idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._arm(left)
        else:
            super().timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """Note that data has arrived; the timer looks at this when it fires."""
        self.idle_since = None

    def _arm(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _disarm(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
