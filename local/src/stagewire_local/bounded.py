"""The log of a door in the background, which bounds its own size, since nothing rotates it."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Some 100,000 lines of containers: a day of a talkative one, and no harm to any disk.
MOST_BYTES = 10 * 1024 * 1024


class Bounded(logging.FileHandler):
    """Appends to a file; when it is full, the older half of its lines goes.

    It is shortened in place, for others append to it too: standard error, with what crashes.
    """

    def __init__(self, path: Path, *, most: int = MOST_BYTES) -> None:
        super().__init__(path, mode="a", encoding="utf-8")
        self._path = path
        self._most = most

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and make room for the next."""
        super().emit(record)
        try:
            if self._path.stat().st_size > self._most:
                self._shorten()
        except OSError:
            self.handleError(record)  # somebody has removed it; no reason to end the door

    def _shorten(self) -> None:
        with self._path.open("rb") as file:
            file.seek(-self._most // 2, os.SEEK_END)
            file.readline()  # the rest of one that is cut
            kept = file.read()
        os.truncate(self._path, 0)
        with self._path.open("ab") as file:
            file.write(kept)
