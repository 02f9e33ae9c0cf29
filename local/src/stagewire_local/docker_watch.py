"""Follows one container of an engine from a thread: its lines while it runs, then how it ended."""

from __future__ import annotations

import asyncio
import logging
import signal
from threading import Thread
from typing import TYPE_CHECKING

from stagewire_local.docker_engine import FLAWS, explained
from stagewire_local.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker.models.containers import Container

SIGNALLED = 128  # a shell's and Docker's code of a process that a signal ended, plus the signal

log = logging.getLogger("stagewire.local.docker")


class Watch:
    """What is known of a started container without asking the engine; made in the event loop."""

    def __init__(self, container: Container, *, name: str) -> None:
        self.tail = Tail(name)
        self._loop = asyncio.get_running_loop()
        self._stream = asyncio.StreamReader()
        self._reading = asyncio.create_task(self.tail.follow(self._stream))
        self._ended: asyncio.Future[str] = self._loop.create_future()
        # A thread of its own: it blocks for as long as the container lives, and a pool is small.
        # A daemon: the program may end while the engine does not answer.
        Thread(target=self._follow, args=(container,), daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the container runs."""
        return not self._ended.done()

    async def ended(self) -> str:
        """Wait for the end of the container and of its log; say how it ended."""
        # One waiter may be cancelled; the others wait on.
        how = await asyncio.shield(self._ended)
        await asyncio.wait([self._reading])
        return how

    def then(self, call: Callable[[str], object]) -> None:
        """Call something in the event loop, with how it ended, when the container has ended."""
        self._ended.add_done_callback(lambda done: call(done.result()))

    def _follow(self, container: Container) -> None:
        try:
            for chunk in container.logs(stream=True, follow=True):
                self._tell(self._stream.feed_data, chunk)
        except FLAWS as error:
            log.warning("the log of %s broke off: %s", self.tail.name, explained(error))
        self._tell(self._finish, ending(container))

    def _tell(self, call: Callable[..., object], argument: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, argument)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.debug("%s outlives the door", self.tail.name)

    def _finish(self, how: str) -> None:
        self._stream.feed_eof()
        self._ended.set_result(how)


def ending(container: Container) -> str:
    """Wait until a container ends, and name its exit code or signal."""
    try:
        code = container.wait()["StatusCode"]
        container.reload()
    except FLAWS as error:
        return f"is gone from the engine: {explained(error)}"
    if container.attrs["State"]["OOMKilled"]:
        return "was killed: it used more memory than its instance has"
    try:
        return f"was killed by {signal.Signals(code - SIGNALLED).name}"
    except ValueError:
        return f"exited with code {code}"
