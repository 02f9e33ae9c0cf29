"""Keeps a container's last lines and passes every line on, so that its log is never lost."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import StreamReader

LINES = 200  # enough for a traceback through pandas and scikit-learn with what led to it
# One line; longer ones are cut into several, so that a container writing no newline cannot fill
# our memory.
LINE_BYTES = 16 * 1024

log = logging.getLogger("stagewire.local.container")


class Tail:
    """The last lines of one container."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: deque[str] = deque(maxlen=LINES)

    async def follow(self, stream: StreamReader) -> None:
        """Read until the end; a container must never block on a full pipe."""
        rest = b""
        while chunk := await stream.read(LINE_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._add(line)
            if len(rest) > LINE_BYTES:
                self._add(rest)
                rest = b""
        if rest:
            self._add(rest)

    def _add(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip("\r")
        self.lines.append(line)
        log.info("%s | %s", self.name, line)
