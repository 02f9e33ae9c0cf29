"""How the answers to a file's chunks are put together into the answer that one request would have had."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stagewire import media
from stagewire.codec.charset import CHARSETS
from stagewire.errors import UnsupportedMedia
from stagewire_pipeline import records
from stagewire_pipeline.errors import EndpointError

if TYPE_CHECKING:
    from stagewire_pipeline.endpoint import Answer
    from stagewire_pipeline.records import Chunk

BOM = b"\xef\xbb\xbf"
STATE = "say so with --content-type 'text/csv; header=present' (or header=absent)"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the first answer shows of all: `header` is the file's own first record where that is one.

    `title` is the record of names that every answer begins with, empty where they begin with rows.
    """

    header: bytes
    title: bytes

    def body(self, chunk: Chunk) -> bytes:
        """Return what is sent for a chunk: its rows under the file's header."""
        if not chunk.record:
            return chunk.data
        # At the start of a body a byte-order mark is taken off, in the middle of a file it is text.
        return (self.header or (BOM if chunk.data.startswith(BOM) else b"")) + chunk.data


@dataclass(frozen=True, slots=True)
class Sent:
    """How a file is sent: `drop` tells that bad rows get no answer."""

    media: media.MediaType
    drop: bool

    @property
    def stated(self) -> str | None:
        """What the content type says of a header."""
        return self.media.parameters.get("header", "").lower() or None

    def names(self, record: bytes) -> list[str]:
        """Read a record of the file as a header's cells."""
        codec = CHARSETS.get(self.media.charset.lower(), "utf-8-sig")
        return cells(record.decode(codec, errors="replace"))


def learn(sent: Sent, chunk: Chunk, answer: Answer) -> Shape:
    """Find out from the file's first chunk and its answer where headers are.

    Only the endpoint knows its columns' names, so only its answer can tell a header from a row.

    Raises:
        EndpointError: the answer cannot be joined to others, or does not tell.

    """
    first = chunk.data[: records.FORMS[sent.media.name].skip(chunk.data, 1)]
    count, title = counted(answer)
    header = b""
    if sent.media.name == media.CSV and sent.stated != "absent":
        names = sent.names(first)
        told = keys(answer, title)
        proven = len(told) > len(names) and told[: len(names)] == names
        eaten = not sent.drop and count == chunk.records - 1
        if sent.stated == "present" or proven or eaten:
            header = first
        elif names and all(map(word, names)):
            raise EndpointError(f"the answer does not tell whether line 1 is a header; {STATE}")
    if media.parse(answer.content_type).name != media.CSV:
        return Shape(header, b"")
    rows = chunk.records - bool(header)
    named = bool(header) or sent.media.name != media.CSV
    titled = named if sent.drop else count == rows + 1
    return Shape(header, title if titled else b"")


def joined(sent: Sent, shape: Shape, chunk: Chunk, answer: Answer) -> bytes:
    """Return an answer as a part of the whole one: without title unless it is the first.

    Raises:
        EndpointError: it is not one answer a row, or not of the first answer's columns.

    """
    count, title = counted(answer)
    if shape.title and title != shape.title:
        raise EndpointError(
            f"the answer's columns are {title.decode(errors='replace').strip()} here and were "
            f"{shape.title.decode(errors='replace').strip()} before"
        )
    rows = chunk.records - bool(shape.header and not chunk.record)
    found = count - bool(shape.title)
    if not sent.drop and not rows <= found <= rows + chunk.blanks:
        raise EndpointError(
            f"{rows:,} rows were sent and {found:,} answers came back; if the endpoint drops bad "
            "rows, add --bad-rows drop; if it does not answer row by row, send a file that fits one request"
        )
    body = closed(answer.body)
    return body[len(shape.title) :] if chunk.record else body


def counted(answer: Answer) -> tuple[int, bytes]:
    """Count an answer's records, and return the first one.

    Raises:
        EndpointError: it is of a type whose bodies cannot be joined.

    """
    try:
        cut = records.form(answer.content_type)
    except UnsupportedMedia:
        cut = None
    if cut is None:
        raise EndpointError(
            f"the file is sent in parts, and answers of type {answer.content_type or 'unknown'} "
            f"cannot be joined; ask for --accept {' or '.join(records.FORMS)}"
        )
    body = closed(answer.body)
    return cut.count(body), body[: cut.skip(body, 1)]


def closed(body: bytes) -> bytes:
    """End a body's last line."""
    return body if not body or body.endswith(b"\n") else body + b"\n"


def keys(answer: Answer, record: bytes) -> list[str]:
    """Read the names in an answer's first record: a CSV's cells, or an object's keys."""
    text = record.decode(errors="replace")
    if media.parse(answer.content_type).name == media.CSV:
        return cells(text)
    try:
        found = json.loads(text or "null")
    except ValueError:
        return []
    return list(found) if isinstance(found, dict) else []


def cells(record: str) -> list[str]:
    """Read a record of CSV as the stages read a header."""
    return [cell.strip() for cell in next(csv.reader(io.StringIO(record, newline="")), [])]


def word(cell: str) -> bool:
    """Tell whether a cell is text that could be a column's name."""
    try:
        float(cell or 0)
    except ValueError:
        return True
    return False
