"""JSON text to Python's values, for the two formats that are made of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from stagewire.codec.charset import text
from stagewire.errors import Malformed

if TYPE_CHECKING:
    from stagewire.media import MediaType


def load(body: bytes, media: MediaType) -> Any:
    """Read a body of JSON.

    Raises:
        Malformed: not text of its charset, or not JSON.

    """
    decoded = text(body, media)
    try:
        return loads(decoded)
    except Malformed as error:
        raise Malformed(f"the body is {error}") from None


def loads(decoded: str) -> Any:
    """Read JSON, and the NaN and Infinity that Python's own writer makes; 1e400 is infinite, as in CSV.

    Raises:
        Malformed: not JSON, or nested too deep.

    """
    try:
        return orjson.loads(decoded)
    except orjson.JSONDecodeError as error:
        beyond = "infinity" in str(error)
        if not beyond and "NaN" not in decoded and "Infinity" not in decoded:
            raise Malformed(f"not JSON: {error}") from None
    try:
        document = json.loads(decoded, parse_int=_integer)
        # Unlike orjson, it reads half a surrogate pair, which is no text that could be sent on.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from None
    return document


def _integer(text: str) -> int | float:
    """Read an integer as orjson does, so that a NaN elsewhere changes nothing: beyond 64 bits as a float."""
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(text)
