"""text/csv: rows with or without a header, quoted by RFC 4180, LF or CRLF."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import numpy as np
import orjson

from stagewire.codec.cells import numbers, quote, texts
from stagewire.codec.charset import UTF8, text
from stagewire.codec.plain_csv import plain
from stagewire.errors import Malformed
from stagewire.excerpt import shorten
from stagewire.limits import BODY_BYTES, BROKEN_ROWS
from stagewire.parsed import Parsed, columns_of
from stagewire.request import Origin
from stagewire.schema import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagewire.answer import Answer
    from stagewire.media import MediaType
    from stagewire.schema import Schema
    from stagewire.table import Array, Column

# The module's default of 128 KiB a cell is for spreadsheets; the body's own limit is enough here.
csv.field_size_limit(BODY_BYTES)


def parse(body: bytes, media: MediaType, schema: Schema | None) -> Parsed:
    """Read a CSV.

    Raises:
        Malformed: not CSV, no rows, or `header=` is neither present nor absent.

    """
    found = _plain(body, media, schema) if schema else None
    return careful(body, media, schema) if found is None else found


def careful(body: bytes, media: MediaType, schema: Schema | None) -> Parsed:
    """Read a CSV of any kind, as `parse` does."""
    decoded = text(body, media)
    _refuse_empty(decoded, len(schema.fields) if schema else 1)
    rows = cells(decoded)
    if has_header(rows[0], media.parameters.get("header"), schema):
        names = tuple(cell.strip() for cell in rows[0])
        body_rows = _blanks(rows[1:], len(names))
        if not body_rows:
            raise Malformed(
                f"the body holds a header ({', '.join(map(shorten, names))}) and no rows"
            )
        columns, errors = columns_of(body_rows, (len(names),), blank="")
        return Parsed(Origin.CSV_HEADER, "text", columns, len(body_rows), names, errors)
    width = len(schema.fields) if schema else len(rows[0])
    rows = _blanks(rows, width)
    columns, errors = columns_of(rows, (width, width + 1) if schema else (width,), blank="")
    return Parsed(Origin.CSV, "text", columns, len(rows), errors=errors)


def _refuse_empty(decoded: str, width: int) -> None:
    """Refuse what is mostly empty lines before each becomes a row: 25 MB of them took 2 GB and half a minute."""
    # A row has a byte a cell: a comma or the line's end. Inside quotes a line's end is none.
    paired, lines = sorted([decoded.count("\n"), decoded.count("\r")])
    if lines - (len(decoded) - paired) // width > BROKEN_ROWS and '"' not in decoded:
        raise Malformed(
            f"the body holds {lines} lines in {len(decoded)} characters: most are empty"
        )


def _plain(body: bytes, media: MediaType, schema: Schema) -> Parsed | None:
    """Read a body that leaves no doubt; None leaves it to the careful way."""
    if media.charset.lower() not in UTF8 or media.parameters.get("header", "absent") != "absent":
        return None
    columns = plain(schema).columns(body)
    if columns is None:
        return None
    return Parsed(Origin.CSV, "values", columns, len(columns[0]))


def _blanks(rows: list[list[str]], width: int) -> list[list[str]]:
    """Read an empty line: a missing value where a row has one cell, else nothing at the end."""
    if width == 1:
        return [row or [""] for row in rows]
    while rows and not rows[-1]:
        rows.pop()
    return rows


def cells(decoded: str) -> list[list[str]]:
    """Split a CSV into rows of cells, an empty line into a row of none.

    Raises:
        Malformed: a quote is not closed, or stands where none may.

    """
    reader = csv.reader(io.StringIO(decoded, newline=""), strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise Malformed(f"line {reader.line_num} of the body is not CSV: {error}") from None


def has_header(first: Sequence[str], stated: str | None, schema: Schema | None) -> bool:
    """Tell a header: stated, or some cell of line 1 is a feature's name but for case."""
    if stated is not None:
        if stated.lower() not in {"present", "absent"}:
            raise Malformed(f"the parameter header={stated!r} is not one of: present, absent")
        return stated.lower() == "present"
    if schema is None:
        return False
    return any(fold(cell) in schema.folded for cell in first)


def write(answer: Answer) -> bytes:
    """Write an answer: with a header for callers who sent names, else a row of results a line."""
    if answer.request.origin.named:
        return document(answer.named(), header=True)
    return document(answer.bare(proba=answer.request.proba), header=False)


def block(matrix: Array) -> bytes:
    """Write a 2-D array of finite or missing numbers as lines, as `document` writes its columns."""
    cells = orjson.dumps(np.ascontiguousarray(matrix), option=orjson.OPT_SERIALIZE_NUMPY)
    return cells[2:-2].replace(b"],[", b"\n").replace(b"null", b"") + b"\n"


def document(columns: Sequence[Column], *, header: bool) -> bytes:
    """Write columns as lines."""
    if len(columns) == 1 and not header:
        return _one(columns[0])
    lines: Iterable[str] = map(",".join, zip(*(texts(column) for column in columns), strict=True))
    first = [",".join(quote(column.name) for column in columns)] if header else []
    return "".join(f"{line}\n" for line in [*first, *lines]).encode()


def _one(column: Column) -> bytes:
    """Write one column without its name, a cell a line."""
    values = column.values
    if len(values) and isinstance(values, np.ndarray) and values.dtype.kind in "fiu":
        return numbers(column.name, values).replace(b",", b"\n") + b"\n"
    return "".join(f"{cell}\n" for cell in texts(column)).encode()
