"""Single values as text, shared by the formats that write text."""

from __future__ import annotations

import math
import re
from datetime import date, time
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from stagewire.errors import NotAcceptable
from stagewire.table import Role, objects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagewire.table import Array, Column

NESTED = (list, dict)
_QUOTED = re.compile('[",\r\n\ufeff]')  # a byte-order mark would be lost at the start of a body


def texts(column: Column) -> list[str]:
    """Write a column as CSV cells: missing as nothing, floats as the shortest text that reads back equal."""
    found = values(column)
    if found.dtype.kind in "fiu":
        return _numbers(column.name, found)
    return [_text(column.name, value) for value in found.tolist()]


def values(column: Column) -> Array:
    """Return a column's values as a form of text takes them: numbers, or Python's own.

    Raises:
        NotAcceptable: no text carries one of them.

    """
    found = column.values
    if not isinstance(found, np.ndarray):
        found = _of_arrow(column.name, found)
    if column.role is Role.INPUT:
        return _finite(found)
    if found.dtype.kind == "O":
        _refuse_inner(column.name, found.tolist())
    return found


def _finite(found: Array) -> Array:
    """Make infinities missing: of a caller's own features only a bad row's are, whose error says so."""
    if found.dtype.kind == "f":
        return np.where(np.isinf(found), np.nan, found).astype(found.dtype, copy=False)
    if found.dtype.kind == "O":
        cells = found.tolist()
        # First by C's loops, 20 us a column of 1,000 cells of text; cell by cell took 70.
        if float in set(map(type, cells)) and (math.inf in cells or -math.inf in cells):
            return objects(None if _infinite(cell) else cell for cell in cells)
    return found


def _of_arrow(name: str, found: Any) -> Array:
    """Turn an Arrow column to NumPy's: floats with NaN for missing, anything else objects."""
    import pyarrow as pa

    try:
        while pa.types.is_dictionary(found.type):
            found = found.cast(found.type.value_type)
        if pa.types.is_float16(found.type):
            found = found.cast(pa.float32())
        if pa.types.is_floating(found.type):
            return np.asarray(found.to_numpy())
        if pa.types.is_time64(found.type):
            found = found.cast(pa.time64("us"))  # Python's own has no nanoseconds, and says nothing
        return objects(found.to_pylist())
    except (pa.ArrowException, OverflowError, ValueError, LookupError) as error:
        raise NotAcceptable(
            f"column {name!r} holds a {found.type} that text cannot carry ({error}); ask for Arrow"
        ) from None


def _refuse_inner(name: str, found: list[Any]) -> None:
    """Refuse infinite numbers, also within lists and objects: orjson would write null."""
    if {float, list, dict, tuple} & set(map(type, found)) and any(map(_infinite, leaves(found))):
        raise _refused(name)


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
        return quote(dumps(value).decode())
    except TypeError as error:
        from decimal import Decimal  # 3 ms that no start needs

        if isinstance(value, Decimal):
            return str(value)
        raise NotAcceptable(
            f"column {name!r} holds what text cannot carry ({error}); ask for Arrow"
        ) from None


def dumps(value: object) -> bytes:
    """Write a value as JSON, dates and times as ISO 8601 has them.

    Raises:
        TypeError: it has no JSON form.

    """
    return orjson.dumps(value, _iso, orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _iso(value: object) -> str:
    # orjson knows the standard library's own; Arrow's nanoseconds come as a subclass.
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError


def refuse_infinite(name: str, values: Array) -> None:
    """Refuse infinite floats, which no text format here can carry.

    Raises:
        NotAcceptable: a float is infinite.

    """
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise _refused(name)


def _infinite(cell: object) -> bool:
    return isinstance(cell, float) and math.isinf(cell)


def _refused(name: str) -> NotAcceptable:
    return NotAcceptable(
        f"column {name!r} holds an infinite value, which this format cannot carry; ask for Arrow"
    )
