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
        msg = f"the body is {error}"
        raise Malformed(msg) from None


def loads(decoded: str) -> Any:
    """Read JSON; NaN, which Python's own writer makes, is read as missing.

    Raises:
        Malformed: not JSON, or nested too deep.

    """
    try:
        return orjson.loads(decoded)
    except orjson.JSONDecodeError as error:
        if "NaN" not in decoded and "Infinity" not in decoded:
            msg = f"not JSON: {error}"
            raise Malformed(msg) from None
    try:
        document = json.loads(decoded)
        # Unlike orjson, it reads half a surrogate pair, which is no text that could be sent on.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        msg = f"not JSON: {error}"
        raise Malformed(msg) from None
    return document
