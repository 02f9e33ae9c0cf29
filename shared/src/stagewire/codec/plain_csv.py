"""Plain CSV read fast: no header, no quotes, every row as wide as the schema.

Anything else in a body (a quote, a carriage return, a byte-order mark, a label, an empty line, a cell
that is no plain number) is left to the careful reader, which alone decides what it means or what is
wrong with it. Both give the same values, which tests compare to the bit.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from stagewire.codec import digits
from stagewire.table import objects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stagewire.schema import Schema

Cell: TypeAlias = "float | str | None"

# Up to this many rows a regular expression is faster than NumPy's fixed cost of 50 us.
FEW: Final = 16
# Cells that are not plain digits are read one by one; if more than one cell in this many is such, the
# careful reader is as fast.
SELDOM: Final = 8

# What float() reads by the grammar that CSV cells have. A positive exponent, or 300 digits, could
# overflow; white space, underscores and words cannot stand here.
_NUMBER: Final = r"[-+.\d]{0,300}(?:[eE]-\d{1,9})?"
_NUMBER_ALONE: Final = re.compile(_NUMBER, re.ASCII)
_NEWLINE: Final = ord("\n")
_COMMA: Final = ord(",")
_POINT: Final = ord(".")


class Plain:
    """A fast reader for one schema."""

    def __init__(self, schema: Schema) -> None:
        self.width = len(schema.fields)
        self.numeric = [i for i, field in enumerate(schema.fields) if field.numeric]
        self.texts = [i for i, field in enumerate(schema.fields) if not field.numeric]
        self.names = schema.folded
        # A name that could be a number makes any first line a header; an empty line is a row of
        # one cell, and no row of several.
        self.able = self.width > 1 and not any(map(_NUMBER_ALONE.fullmatch, self.names))
        cells = (f"({_NUMBER})" if field.numeric else "([^,\n]*)" for field in schema.fields)
        self.line = re.compile(",".join(cells) + "(?:\n|$)", re.ASCII)

    def few(self, body: bytes) -> list[list[Cell]] | None:
        """Read up to `FEW` rows into cells: floats with NaN, text with None, for missing."""
        if body.count(b"\n") > FEW:
            return None
        text = self._text(body)
        rows = None if text is None else self._lines(text)
        if rows is None or self._header([rows[0][i] for i in self.texts]):
            return None
        try:
            for row in rows:
                for i in self.numeric:
                    row[i] = float(row[i] or math.nan)
        except ValueError:
            return None
        for row in rows:
            for i in self.texts:
                row[i] = row[i] or None
        return rows

    def columns(self, body: bytes) -> list[NDArray[Any]] | None:
        """Read any number of rows into columns: float64 with NaN, objects with None, for missing."""
        if body.count(b"\n") <= FEW:
            rows = self.few(body)
            return None if rows is None else self._arrays(list(zip(*rows, strict=True)))
        text = self._text(body)
        # Where a letter takes several bytes, places in the text are not those in the body.
        return self._cells(text, body) if text is not None and text.isascii() else None

    def _text(self, body: bytes) -> str | None:
        """Decode a body in which nothing needs care."""
        if not self.able or any(mark in body for mark in _MARKS):
            return None
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return None
        return text if text and not text.isspace() else None

    def _lines(self, text: str) -> list[list[Any]] | None:
        rows: list[list[Any]] = []
        place, end = 0, len(text)
        while place < end:
            found = self.line.match(text, place)
            if found is None:
                return None
            rows.append([*found.groups()])
            place = found.end()
        return rows

    def _cells(self, text: str, body: bytes) -> list[NDArray[Any]] | None:
        padded = b"".join((bytes(digits.WORD), body, b"" if text.endswith("\n") else b"\n"))
        places = self._cut(np.frombuffer(padded, np.uint8, offset=digits.WORD))
        if places is None:
            return None
        start, _, stop = places
        columns: list[NDArray[Any]] = [_EMPTY] * self.width
        for i in self.texts:
            pairs = zip(start[i].tolist(), stop[i].tolist(), strict=True)
            columns[i] = objects([text[a:b] or None for a, b in pairs])
        numbers = _numbers(text, padded, *(each[self.numeric] for each in places))
        if numbers is None or self._header([columns[i][0] for i in self.texts]):
            return None
        for i, values in zip(self.numeric, numbers, strict=True):
            columns[i] = values
        return columns

    def _arrays(self, columns: list[tuple[Any, ...]]) -> list[NDArray[Any]]:
        arrays = list(map(objects, columns))
        for i in self.numeric:
            arrays[i] = np.array(columns[i])
        return arrays

    def _header(self, texts: list[Any]) -> bool:
        return any((text or "").strip().casefold() in self.names for text in texts)

    def _cut(self, text: NDArray[np.uint8]) -> tuple[Any, Any, Any] | None:
        """Find where cells start, have their point, and stop: shape (columns, rows) each."""
        marks = np.flatnonzero((text == _COMMA) | (text == _NEWLINE) | (text == _POINT))
        kinds = text.take(marks)
        ends = np.flatnonzero(kinds != _POINT)
        rows, over = divmod(len(ends), self.width)
        lines = (kinds.take(ends) == _NEWLINE).reshape(-1, self.width) if not over else None
        if lines is None or not lines[:, -1].all() or lines[:, :-1].any():
            return None
        stop = marks.take(ends)
        start = np.empty_like(stop)
        start[0], start[1:] = 0, stop[:-1] + 1
        # The first point within a cell; a second one then stands among its digits.
        first = np.empty_like(ends)
        first[0], first[1:] = 0, ends[:-1] + 1
        shape = (rows, self.width)
        found = (start, marks.take(first), stop)
        start, point, stop = (np.ascontiguousarray(each.reshape(shape).T) for each in found)
        return start, point, stop


@lru_cache(maxsize=16)  # a process serves a stage or two, and tests some more
def plain(schema: Schema) -> Plain:
    """Make the reader of a schema once."""
    return Plain(schema)


def _numbers(
    text: str, padded: bytes, start: Any, point: Any, stop: Any
) -> NDArray[np.float64] | None:
    numbers, odd = digits.numbers(padded, start, point, stop)
    if not odd.any():
        return numbers
    places = np.flatnonzero(odd)
    if len(places) * SELDOM > numbers.size:
        return None
    flat = numbers.reshape(-1)
    for place in places.tolist():
        cell = text[start.flat[place] : stop.flat[place]]
        if not _NUMBER_ALONE.fullmatch(cell):
            return None
        try:
            flat[place] = float(cell)
        except ValueError:
            return None
    return numbers


# A quote, a carriage return, a NUL, a byte-order mark.
_MARKS: Final = (b'"', b"\r", b"\0", b"\xef\xbb\xbf")
_EMPTY: Final = np.empty(0)
