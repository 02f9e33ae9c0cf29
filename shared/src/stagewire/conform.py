"""Cells as they were written become values of a field's type, or errors that name row and value.

A value survives or is refused: nothing is guessed, nothing rounded on the way in but to the type
the schema states.
"""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from stagewire.errors import RowError, SchemaMismatch
from stagewire.excerpt import shorten
from stagewire.parsed import ABSENT
from stagewire.table import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagewire.parsed import Kind
    from stagewire.schema import Field
    from stagewire.table import Array

    Found = tuple[Array, list[RowError]]

_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)
_NAN = re.compile(r"[ \t]*[+-]?nan[ \t]*", re.IGNORECASE | re.ASCII)

# Halves of surrogate pairs, which are no characters either.
_HALVES = (0xD800, 0xDFFF)

NOT_FINITE = "is not finite as float32"
_NOT_A_NUMBER = "is not a number"


def conform(kind: Kind, cells: Any, field: Field) -> Found:
    """Turn one column's cells into an array of the field's dtype, with the errors of its rows.

    Numbers come back as float64 or float32 with NaN for missing and for errors, text as objects
    with None.

    Raises:
        SchemaMismatch: the column as a whole is of a type that the field cannot take.

    """
    values, errors = _KINDS[kind](cells, field)
    return _finite(values, errors, field, cells) if field.numeric else (values, errors)


def is_number(cell: str) -> bool:
    """Tell whether CSV text is a number, by the rule that serving uses."""
    return _NUMBER.fullmatch(cell) is not None


def counts(cell: str) -> bool:
    """Tell whether CSV text has a place in a column of numbers, be it as missing or as infinite."""
    return _number_of_text(cell) != _NOT_A_NUMBER


def is_missing(cell: str) -> bool:
    """Tell whether CSV text is missing in a column of numbers: nothing, blanks or nan."""
    return isinstance(found := _number_of_text(cell), float) and math.isnan(found)


def error(row: int, field: Field, value: object, reason: str) -> RowError:
    """Name one bad cell."""
    return RowError(row, field.name, None if value is None else shorten(value), reason)


def _finite(values: Array, errors: list[RowError], field: Field, cells: Any) -> Found:
    with np.errstate(over="ignore"):
        cast = values.astype(field.dtype, copy=False)
    infinite = np.isinf(cast)
    if infinite.any():
        # Cells as the caller wrote them, who will not find an `inf` where 1e400 stands.
        shown = cells if isinstance(cells, list | tuple) else values.tolist()
        rows = np.flatnonzero(infinite).tolist()
        errors += [error(row, field, shown[row], NOT_FINITE) for row in rows]
        cast = np.where(infinite, np.nan, cast).astype(field.dtype)
    return cast, errors


def _text(cells: Sequence[str], field: Field) -> Found:
    if not field.numeric:
        return objects(cell or None for cell in cells), []
    values = _plain_numbers(cells)
    return _each(cells, field, _number_of_text) if values is None else (values, [])


def _plain_numbers(cells: Sequence[str]) -> Array | None:
    joined = "".join(cells)
    # float() also reads 1_000, the digits of every script and any white space around them; those
    # go the careful way.
    if "_" in joined or not (joined.isascii() and joined.isprintable()):
        return None
    try:
        return np.array([float(cell) if cell else math.nan for cell in cells])
    except ValueError:
        return None


def _number_of_text(cell: str) -> float | str:
    if _NUMBER.fullmatch(cell):
        return float(cell)
    if not cell.strip(" \t") or _NAN.fullmatch(cell):
        return math.nan
    if cell.strip().lower().lstrip("+-") in {"inf", "infinity"}:
        return NOT_FINITE
    return _NOT_A_NUMBER


def _json(cells: Sequence[Any], field: Field) -> Found:
    if not field.numeric:
        return _each(cells, field, _text_of_json)
    if all(type(cell) is float for cell in cells):
        return np.array(cells, dtype=np.float64), []
    return _each(cells, field, _number_of_json)


def _number_of_json(cell: object) -> float | str:
    if cell is None:
        return math.nan
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        # Quoted digits look like a number in a message.
        reason = "is text, not a number" if isinstance(cell, str) else _NOT_A_NUMBER
        return "is absent" if cell is ABSENT else reason
    if isinstance(cell, float):
        return cell
    try:
        number = float(cell)
    except OverflowError:
        return NOT_FINITE
    return number if number == cell else "cannot be held exactly as float64"


def _text_of_json(cell: object) -> Any:
    if cell is None or isinstance(cell, str):
        return cell
    return _Reason("is absent" if cell is ABSENT else "is not text")


class _Reason(str):
    """A reason, apart from a text value."""

    __slots__ = ()


def _each(cells: Sequence[Any], field: Field, convert: Callable[[Any], Any]) -> Found:
    errors: list[RowError] = []
    values: list[Any] = []
    bad, refused = (math.nan, str) if field.numeric else (None, _Reason)
    for row, cell in enumerate(cells):
        value = convert(cell)
        if isinstance(value, refused):
            errors.append(error(row, field, None if cell is ABSENT else cell, str(value)))
            value = bad
        values.append(value)
    return (np.array(values, dtype=np.float64) if field.numeric else objects(values)), errors


def _numpy(cells: Array, field: Field) -> Found:
    kind = cells.dtype.kind
    if not field.numeric:
        if kind != "U":
            raise _mismatch(field, str(cells.dtype))
        return _characters(cells, field)
    if kind not in "fiu" or cells.dtype.itemsize > 8:  # noqa: PLR2004 (bytes: float64 and int64)
        raise _mismatch(field, str(cells.dtype))
    return cells.astype(np.float64, copy=False), _inexact(cells, field)


def _characters(cells: Array, field: Field) -> Found:
    """Read text that NumPy holds as numbers of characters, of which not all are."""
    codes = np.ascontiguousarray(cells).view((np.uint32, cells.dtype.itemsize // 4))
    wrong = (codes > sys.maxunicode) | ((codes >= _HALVES[0]) & (codes <= _HALVES[1]))
    rows = np.flatnonzero(wrong.any(axis=1)).tolist()
    if rows:
        cells = cells.copy()
        cells[rows] = ""
    errors = [RowError(row, field.name, None, "holds what is no character") for row in rows]
    return objects(cell or None for cell in cells.tolist()), errors


def _inexact(cells: Array, field: Field) -> list[RowError]:
    """Find the integers that float64 cannot hold (above 2**53)."""
    if cells.dtype.kind == "f" or cells.dtype.itemsize < 8:  # noqa: PLR2004 (int32 always fits)
        return []
    limit = 2**53
    rows = np.flatnonzero(
        (cells > limit) | ((cells < -limit) if cells.dtype.kind == "i" else False)
    )
    wrong = [row for row in rows.tolist() if int(float(cells[row])) != int(cells[row])]
    return [
        error(row, field, int(cells[row]), "cannot be held exactly as float64") for row in wrong
    ]


def _arrow(cells: Any, field: Field) -> Found:
    import pyarrow as pa

    if isinstance(cells, np.ndarray):  # what a previous stage had to write as JSON
        return _json(cells.tolist(), field)
    kind = cells.type
    if pa.types.is_dictionary(kind):
        cells, kind = cells.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return (
            (np.full(len(cells), math.nan), [])
            if field.numeric
            else (objects([None] * len(cells)), [])
        )
    if not field.numeric:
        if not (
            pa.types.is_string(kind)
            or pa.types.is_large_string(kind)
            or pa.types.is_string_view(kind)
        ):
            raise _mismatch(field, str(kind))
        return objects(cells.to_pylist()), []
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise _mismatch(field, str(kind))
    if cells.null_count and pa.types.is_integer(kind):
        return _each(cells.to_pylist(), field, _number_of_json)
    if cells.null_count:
        return cells.cast(pa.float64()).to_numpy(), []
    return _numpy(cells.to_numpy(), field)


def _mismatch(field: Field, found: str) -> SchemaMismatch:
    wanted = "a number" if field.numeric else "text"
    return SchemaMismatch(
        f"column {field.name!r} is {found} where {wanted} ({field.dtype}) is expected"
    )


def _values(cells: Array, _field: Field) -> Found:
    return cells, []


_KINDS: Mapping[Kind, Callable[[Any, Field], Found]] = {
    "values": _values,
    "text": _text,
    "json": _json,
    "numpy": _numpy,
    "arrow": _arrow,
}
