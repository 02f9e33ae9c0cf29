"""Bytes to text by the charset that the Content-Type states, for every format that is text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagewire.errors import Malformed, UnsupportedMedia

if TYPE_CHECKING:
    from stagewire.media import MediaType

# Charsets clients really state; Python's other codecs (among them zip and base64) stay shut.
CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "utf-8-sig": "utf-8-sig",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}

# What a client states whose bytes are read as they are.
UTF8 = frozenset({"utf-8", "utf8"})


# RFC 1952 §2.3.1; a client may compress what it sends and not say so, or somebody between drops that.
GZIP = b"\x1f\x8b"


def text(body: bytes, media: MediaType) -> str:
    """Decode a body, without its byte-order mark.

    Raises:
        UnsupportedMedia: the charset is not one of `CHARSETS`.
        Malformed: the bytes are not in that charset, a NUL is among them, or there are none.

    """
    codec = CHARSETS.get(media.charset.lower())
    if codec is None:
        raise UnsupportedMedia(
            f"the charset {media.charset!r} is not one of: {', '.join(CHARSETS)}"
        )
    try:
        decoded = body.decode(codec)
    except UnicodeDecodeError as error:
        byte = f"byte {error.object[error.start]:#04x} at offset {error.start}"
        hint = "; it begins as gzip does: send it as it was" if body[:2] == GZIP else ""
        raise Malformed(f"the body is not {media.charset}: {byte} ({error.reason}){hint}") from None
    if not decoded.strip():
        raise Malformed("the body is empty")
    if "\0" in decoded:
        raise Malformed(f"the body holds a NUL character at offset {decoded.index(chr(0))}")
    return decoded
