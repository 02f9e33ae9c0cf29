"""Heads of requests that were answered before: the same bytes mean the same, and are not parsed again.

A client sends the same head over and over, and a stage the same one but for the request's id. Parsing
it, with a call of Python for each header, made a stage's CPU time for one row 1.4 times as long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stagewire import media

if TYPE_CHECKING:
    from stagewire.asked import Asked

# Callers choose the heads, so their number and size (bytes) are bounded: 256 KiB in all.
MOST: Final = 256
LARGEST: Final = 1024

_UNKNOWN: Final = (None, 0)
_END: Final = b"\r\n\r\n"
_NAME: Final = b"; sw-id="
# Up to where the next parameter begins, or the line ends.
_ID: Final = re.compile(media.ID.encode() + rb"(?=[;\r])")


class Heads:
    """What known heads ask for, and the length of the body behind them, by their bytes without the id."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[Asked, int]] = {}

    def find(self, data: bytes) -> tuple[Asked, str | None, bytes] | None:
        """Return what is asked, the id in the Content-Type, and the body.

        None unless `data` is one whole request with a known head.
        """
        end = data.find(_END) + len(_END)
        key, passed = _apart(data[:end])
        asked, length = self.known.get(key, _UNKNOWN)
        if asked is None or len(data) - end != length:
            return None
        return asked, passed, data[end:]

    def keep(self, data: bytes, asked: Asked, body: bytes) -> None:
        """Know the head from now on of a request that was parsed, if `data` is that request and no more."""
        end = data.find(_END) + len(_END)
        # Chunks take more than their body does, and so do two requests.
        if end > LARGEST or len(data) - end != len(body):
            return
        key, passed = _apart(data[:end])
        # An id elsewhere is not the request's, and one that stands twice may mean anything.
        if not key or passed != asked.passed or key.count(_NAME) > 1:
            return
        if len(self.known) >= MOST:
            self.known.clear()
        self.known[key] = asked, len(body)


def _apart(head: bytes) -> tuple[bytes, str | None]:
    """Take the request's id out of a head: what is left, which still shows where it stood, and the id.

    Nothing is left of a head whose id cannot be told: it must not look like one that has lost its own.
    """
    place = head.find(_NAME)
    if place < 0:
        return head, None
    found = _ID.match(head, place)
    if found is None:
        return b"", None
    return head[: found.start(1)] + head[found.end() :], found[1].decode()
