"""Single values as text, shared by the formats that write text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from stagewire.errors import NotAcceptable
from stagewire.table import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagewire.table import Column, Values

_OPTION = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
NESTED = (list, dict)
_FLOATING = (float, *NESTED)
_INFINITE = (float("inf"), float("-inf"))
_QUOTED = re.compile('[",\r\n\ufeff]')  # a mark of byte order would be lost at the start of a body


def texts(column: Column) -> list[str]:
    """Write a column as CSV cells: missing as nothing, floats as the shortest text that reads back equal."""
    values = floats(column.values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return _numbers(column.name, values)
    return [_text(column.name, value) for value in listed(column)]


def listed(column: Column) -> list[Any]:
    """Return a column's values as Python's own.

    Raises:
        NotAcceptable: Python has no such value: a date after the year 9999, a zone that nobody knows.

    """
    try:
        return column.tolist()
    except (OverflowError, ValueError, LookupError) as error:
        msg = f"column {column.name!r} holds what text cannot carry ({error}); ask for Arrow"
        raise NotAcceptable(msg) from None


def floats(values: Values) -> Values:
    """Turn floats that Arrow holds into NumPy's, NaN for null, since all floats are written alike."""
    if isinstance(values, np.ndarray):
        return values
    from pyarrow import types

    kind = values.type
    if types.is_dictionary(kind) and types.is_floating(kind.value_type):
        return floats(values.cast(kind.value_type))
    return values.to_numpy() if types.is_floating(kind) else values


def quote(text: str) -> str:
    """Quote a CSV cell where it must be."""
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _numbers(name: str, values: Any) -> list[str]:
    return numbers(name, values).decode().split(",") if len(values) else []


def numbers(name: str, values: Any) -> bytes:
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
    if isinstance(value, Decimal):
        return str(value)
    refuse_infinite_in(name, value)
    try:
        return quote(dumps(value).decode())
    except TypeError as error:
        msg = f"column {name!r} holds what text cannot carry ({error}); ask for Arrow"
        raise NotAcceptable(msg) from None


def dumps(value: object) -> bytes:
    """Write a value as JSON, dates and times as ISO 8601 has them.

    Raises:
        TypeError: it has no JSON form.

    """
    return orjson.dumps(value, default=_iso, option=_OPTION)


def _iso(value: object) -> str:
    # orjson knows the standard library's own; Arrow's nanoseconds come as a subclass.
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError


def leaves(value: object) -> Iterator[Any]:
    """Yield what stands in lists and objects, however deep."""
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, dict):
            left += inner.values()
        elif isinstance(inner, list | tuple):
            left += inner
        else:
            yield inner


def told(columns: Sequence[Column]) -> Sequence[Column]:
    """Make infinite cells missing where the reason beside them names them; text has no form for them."""
    reasons = next((column for column in columns if column.role is Role.ERROR), None)
    if reasons is None:
        return columns
    said = [(text or "").casefold() for text in reasons.tolist()]
    return [column if column is reasons else _told(column, said) for column in columns]


def _told(column: Column, said: Sequence[str]) -> Column:
    values = floats(column.values)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fO":
        return column
    gone = np.array([isinstance(cell, float) and cell in _INFINITE for cell in values.tolist()])
    if gone.any():
        name = f"column {column.name!r}".casefold()  # which the caller may have written in any case
        gone &= [name in each for each in said]
        missing: Any = np.nan if values.dtype.kind == "f" else None
        values = np.where(gone, missing, values).astype(values.dtype)
    return replace(column, values=values)


def refuse_infinite(name: str, values: Any) -> None:
    """Refuse what no text format here can carry.

    Raises:
        NotAcceptable: a float is infinite.

    """
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise _infinite(name)


def refuse_infinite_in(name: str, cell: object) -> None:
    """Refuse an infinite float, or a list or an object with one in it, which orjson would write as null.

    Raises:
        NotAcceptable: there is one.

    """
    if isinstance(cell, _FLOATING) and any(leaf in _INFINITE for leaf in leaves(cell)):
        raise _infinite(name)


def _infinite(name: str) -> NotAcceptable:
    msg = f"column {name!r} holds an infinite value, which this format cannot carry; ask for Arrow"
    return NotAcceptable(msg)
