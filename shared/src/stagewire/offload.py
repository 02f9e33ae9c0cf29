"""Work that turns out to be too long for the event loop is abandoned there and done in the pool."""

from __future__ import annotations

import asyncio


class Offload(Exception):
    """Work begun on the event loop would block it; nothing has been answered yet."""


def off_loop() -> None:
    """Go on only if this thread runs no event loop.

    Raises:
        Offload: this is an event loop's thread, and `/ping` would wait.

    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise Offload
