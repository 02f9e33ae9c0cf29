"""Work that proves too long for the event loop says so, and is done anew in the pool."""

from __future__ import annotations

import asyncio


class Offload(Exception):
    """What was begun on the event loop would hold it; nothing has been answered yet."""


def off_loop() -> None:
    """Go on where work may take its time.

    Raises:
        Offload: this is an event loop's thread, and `/ping` would wait.

    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise Offload
