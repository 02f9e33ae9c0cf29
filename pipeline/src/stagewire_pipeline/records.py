"""Cuts a file of any length into chunks of whole records, each of which can be a request of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from stagewire import media
from stagewire.limits import BODY_BYTES
from stagewire_pipeline.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

# As Python's csv module reads, which the stages read with: a quote opens a cell only as its first
# character, and a line ends in LF, CRLF or CR.
_CELL = rb'(?:"[^"]*+(?:""[^"]*+)*+"[^,\r\n]*+|[^",\r\n][^,\r\n]*+)?+'
_END = rb"(?:\n|\r\n?+)"
_RECORD = rb"%b(?:,%b)*+%b" % (_CELL, _CELL, _END)
END = re.compile(_END)
RECORD = re.compile(_RECORD)
RECORDS = re.compile(rb"(?:%b)*+" % _RECORD)
# A file's first chunk has at least this many records: the first may be a header, which alone is no body.
FIRST = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole records: their bytes, how many there are, and what stood before them in the file.

    `record` counts records from 0 and `line` lines from 1; a header is a record. `records` leaves
    out empty lines at the end, of which there are `blanks`.
    """

    data: bytes
    record: int
    line: int
    records: int
    blanks: int = 0


class Form(Protocol):
    """How the records of a format are told apart."""

    def end(self, data: bytes) -> int:
        """Return where the last whole record ends that is no empty line; 0 if there is none."""
        ...

    def strip(self, data: bytes) -> bytes:
        """Return data without empty lines, and the last line's end, at its end."""
        ...

    def count(self, data: bytes) -> int:
        """Count the records that end in data."""
        ...

    def lines(self, data: bytes) -> int:
        """Count the lines that end in data."""
        ...

    def skip(self, data: bytes, records: int) -> int:
        """Return where the record begins that has `records` before it."""
        ...


class Csv:
    """text/csv: a line end within quotes is part of its record."""

    def end(self, data: bytes) -> int:
        """Return where the last whole record ends that is no empty line; 0 if there is none."""
        data = data.removesuffix(b"\r")  # it may be half of a CRLF
        plain = 0 if b'"' in data else data.rfind(b"\n") + 1
        end = plain or self._whole(data)
        body = len(self.strip(data[:end]))
        last = END.match(data, body)
        return last.end() if body and last else 0

    def strip(self, data: bytes) -> bytes:
        """Return data without empty lines, and the last line's end, at its end."""
        return data.rstrip(b"\r\n")

    def count(self, data: bytes) -> int:
        """Count the records that end in data."""
        if b'"' not in data:
            return self.lines(data)
        count, found = 0, RECORD.match(data)
        while found:
            count, found = count + 1, RECORD.match(data, found.end())
        return count

    def lines(self, data: bytes) -> int:
        """Count the lines that end in data."""
        return len(END.findall(data)) if b"\r" in data else data.count(b"\n")

    def skip(self, data: bytes, records: int) -> int:
        """Return where the record begins that has `records` before it."""
        end = 0
        for _ in range(records):
            found = RECORD.match(data, end)
            end = found.end() if found else len(data)
        return end

    def _whole(self, data: bytes) -> int:
        found = RECORDS.match(data)
        return found.end() if found else 0


class Lines:
    """application/jsonlines: a record a line."""

    def end(self, data: bytes) -> int:
        """Return where the last whole record ends that is no empty line; 0 if there is none."""
        end = data.rfind(b"\n") + 1
        while end:
            before = data.rfind(b"\n", 0, end - 1) + 1
            if self.strip(data[before:end]):
                break
            end = before
        return end

    def strip(self, data: bytes) -> bytes:
        """Return data without empty lines, and the last line's end, at its end."""
        found = data.rstrip()
        # What stages strip besides ASCII: a line of it would be lost at the end of a chunk.
        return found if found.decode(errors="replace").strip() else b""

    def count(self, data: bytes) -> int:
        """Count the records that end in data."""
        return data.count(b"\n")

    lines = count

    def skip(self, data: bytes, records: int) -> int:
        """Return where the record begins that has `records` before it."""
        end = 0
        for _ in range(records):
            end = data.find(b"\n", end) + 1 or len(data)
        return end


def form(content_type: str) -> Form | None:
    """Return how a content type's records are told apart; None where one body is one value.

    Raises:
        UnsupportedMedia: it is no media type.

    """
    found = media.parse(content_type)
    # In UTF-16 a line end is two bytes, and a byte of another character may look like one.
    return None if "16" in found.charset else FORMS.get(found.name)


def chunks(
    stream: BinaryIO, cut: Form, *, size: Callable[[], int], head: bytes = b""
) -> Iterator[Chunk]:
    """Cut a stream, whose beginning `head` has been read, into chunks of about `size` bytes.

    An empty line is a row of its own between others and nothing at the end of a body, so no chunk
    but the last ends in one: each is held back until something else follows it.

    Raises:
        DataError: a record is longer than what any endpoint takes.

    """
    held, rest = b"", b""
    record, line = 0, 1
    block = head or stream.read(size())
    while block:
        rest += block
        end = cut.end(rest)
        if not (held or record) and cut.count(rest[:end]) < FIRST:
            end = 0
        if end and held:
            yield chunk(held, cut, record=record, line=line)
            record, line = record + cut.count(held), line + cut.lines(held)
        if end:
            held, rest = rest[:end], rest[end:]
        elif len(rest) > BODY_BYTES:
            start = line + cut.lines(held)
            raise DataError(
                f"the record at line {start} is longer than {BODY_BYTES:,} bytes, the most that an "
                "endpoint takes; is a quote opened there and never closed?"
            )
        block = stream.read(max(size() - len(rest), 0) or len(rest))
    if held and cut.strip(rest):
        yield chunk(held, cut, record=record, line=line)
        record, line = record + cut.count(held), line + cut.lines(held)
        held = b""
    if held or rest:
        yield chunk(held + rest, cut, record=record, line=line)


def chunk(data: bytes, cut: Form, *, record: int, line: int) -> Chunk:
    """Make a chunk, counting its records."""
    body = cut.strip(data)
    records = cut.count(body) + bool(body)
    return Chunk(data, record, line, records, max(cut.count(data[len(body) :]) - 1, 0))


def halves(whole: Chunk, cut: Form) -> tuple[Chunk, Chunk] | None:
    """Cut a chunk in two at a record's end near its middle; None where it cannot be cut."""
    end = cut.end(whole.data[: len(whole.data) // 2])
    least = 1 if whole.record else FIRST
    if cut.count(whole.data[:end]) < least:
        end = cut.skip(whole.data, least)
    if not cut.strip(whole.data[end:]):
        return None
    first = chunk(whole.data[:end], cut, record=whole.record, line=whole.line)
    record, line = whole.record + cut.count(first.data), whole.line + cut.lines(first.data)
    return first, chunk(whole.data[end:], cut, record=record, line=line)


FORMS: Final[dict[str, Form]] = {media.CSV: Csv(), media.JSONLINES: Lines()}
