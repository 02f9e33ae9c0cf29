"""Writes the frames of AWS's event stream encoding (application/vnd.amazon.eventstream)."""

from __future__ import annotations

import json
from struct import pack
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7  # the type of a header's value
# Two lengths, the CRC of both, and the CRC of the whole, four bytes each.
FRAME_BYTES = 16


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Write one message: lengths and their CRC32, headers, payload, CRC32 of all before it."""
    lines = b"".join(header(name, value) for name, value in headers.items())
    lengths = pack("!II", FRAME_BYTES + len(lines) + len(payload), len(lines))
    message = lengths + pack("!I", crc32(lengths)) + lines + payload
    return message + pack("!I", crc32(message))


def header(name: str, value: str) -> bytes:
    """Write one header with a value of type string."""
    key, text = name.encode(), value.encode()
    return pack("!B", len(key)) + key + pack("!BH", STRING, len(text)) + text


def part(chunk: bytes) -> bytes:
    """Write a PayloadPart: raw bytes, exactly as the container sent them."""
    return frame(PART, chunk)


def exception(kind: str, members: Mapping[str, str]) -> bytes:
    """Write an error in mid-stream, which ends the stream for every SDK."""
    headers = {
        ":message-type": "exception",
        ":exception-type": kind,
        ":content-type": "application/json",
    }
    return frame(headers, json.dumps(members).encode())


PART = {
    ":message-type": "event",
    ":event-type": "PayloadPart",
    ":content-type": "application/octet-stream",
}
