"""application/jsonlines: an object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagewire.codec.charset import text
from stagewire.codec.json_cells import dump
from stagewire.codec.json_text import loads
from stagewire.codec.text_json import bare, records, rows_of
from stagewire.errors import Malformed, RowError
from stagewire.parsed import Parsed, refuse_broken
from stagewire.request import Origin

if TYPE_CHECKING:
    from stagewire.answer import Answer
    from stagewire.media import MediaType
    from stagewire.schema import Schema


def parse(body: bytes, media: MediaType, schema: Schema | None) -> Parsed:
    """Read JSON Lines; a line that is no object is that row's error, unless all are.

    Raises:
        Malformed: no line is an object, or too many are none.
        TooLarge: lines that share no names would make too many cells.

    """
    del schema  # every row names its own columns
    rows: list[Any] = []
    errors: list[RowError] = []
    for number, line in enumerate(text(body, media).rstrip().split("\n")):
        row, reason = _row(line)
        rows.append(row)
        if reason:
            errors.append(RowError(number, None, None, reason))
            refuse_broken(errors)
    if len(errors) == len(rows):
        raise Malformed(f"the body is not JSON Lines of objects: {errors[0]}")
    parsed = records(rows, Origin.JSONLINES)
    return Parsed(
        Origin.JSONLINES, "json", parsed.columns, parsed.rows, parsed.names, tuple(errors)
    )


def _row(line: str) -> tuple[dict[str, Any], str | None]:
    if not line or line.isspace():
        return {}, "the line is empty"
    try:
        row = loads(line)
    except Malformed as error:
        return {}, f"the line is {error}"
    if not isinstance(row, dict):
        return {}, "the line is not an object"
    return row, None


def write(answer: Answer) -> bytes:
    """Write a line a row: objects for callers who sent names, else bare results."""
    rows = rows_of(answer) if answer.request.origin.named else bare(answer)
    return b"".join(dump(row, answer) + b"\n" for row in rows)
