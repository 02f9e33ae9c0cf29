"""Single values as text, shared by the formats that write text."""

from __future__ import annotations

import re
from datetime import date, time
from typing import TYPE_CHECKING

import numpy as np
import orjson

from stagewire.errors import NotAcceptable

if TYPE_CHECKING:
    from stagewire.table import Array, Column

_QUOTED = re.compile('[",\r\n\ufeff]')  # a byte-order mark would be lost at the start of a body


def texts(column: Column) -> list[str]:
    """Write a column as CSV cells: missing as nothing, floats as the shortest text that reads back equal."""
    values = column.values
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return _numbers(column.name, values)
    return [_text(column.name, value) for value in column.tolist()]


def quote(text: str) -> str:
    """Quote a CSV cell where it must be."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _numbers(name: str, values: Array) -> list[str]:
    return numbers(name, values).decode().split(",") if len(values) else []


def numbers(name: str, values: Array) -> bytes:
    """Write a numeric array, shape (rows,), as cells with commas between, missing ones empty.

    Raises:
        NotAcceptable: a float is infinite.

    """
    # orjson writes the shortest text of each float32 or float64, 17 times as fast as repr() in a
    # loop, and null for what is not finite.
    text = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    if b"null" not in text:
        return text
    refuse_infinite(name, values)
    return text.replace(b"null", b"")


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return ""
    if isinstance(value, date | time):
        return value.isoformat()
    try:
        return quote(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    except TypeError:
        if isinstance(value, bytes):
            msg = f"column {name!r} holds bytes, which text cannot carry; ask for Arrow"
            raise NotAcceptable(msg) from None
        return quote(str(value))


def refuse_infinite(name: str, values: Array) -> None:
    """Refuse infinite floats, which no text format here can carry.

    Raises:
        NotAcceptable: a float is infinite.

    """
    if values.dtype.kind == "f" and np.isinf(values).any():
        msg = f"column {name!r} holds an infinite value, which this format cannot carry; ask for Arrow"
        raise NotAcceptable(msg)
