"""What the heads of an Arrow stream's messages say of its batches, read before anything is allocated.

A head is a table of FlatBuffers (Message.fbs of the Arrow format), which pyarrow verifies and does
not show. A table begins with the distance back to its vtable, which lists where its fields are.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import iter_unpack, unpack_from
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

# The places of fields: of Message, of DictionaryBatch, and of RecordBatch.
_HEADER: Final = 2
_DATA: Final = 1
_NODES, _BUFFERS, _COMPRESSION = 1, 2, 3
_PREFIX: Final = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """The cells of each column and of each part of a nested one, and the bytes of each buffer, decompressed."""

    dictionary: bool
    cells: list[int]
    sizes: list[int]


def batches(body: bytes) -> Iterator[Batch]:
    """Yield what a stream states of each batch, which need not be true: pyarrow compares later.

    Raises:
        struct.error: a place is outside of the stream.
        ValueError: a message has no batch.

    """
    import pyarrow as pa

    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        if message.type in {"dictionary", "record batch"}:
            yield _batch(message)


def _batch(message: pa.Message) -> Batch:
    head, dictionary = bytes(message.metadata), message.type == "dictionary"
    table = _inner(head, _referred(head, 0), _HEADER)
    if dictionary:
        table = _inner(head, table, _DATA)
    cells = [max(0, length) for length, _ in _pairs(head, table, _NODES)]
    buffers = _pairs(head, table, _BUFFERS)
    if _place(head, table, _COMPRESSION):
        body = memoryview(message.body)
        return Batch(dictionary, cells, [_decompressed(body, *buffer) for buffer in buffers])
    return Batch(dictionary, cells, [max(0, length) for _, length in buffers])


def _decompressed(body: memoryview, offset: int, length: int) -> int:
    """Read the size that stands before a compressed buffer; -1 there is one left as it was."""
    if length < _PREFIX:
        return 0
    (size,) = unpack_from("<q", body, offset)
    return int(length - _PREFIX if size < 0 else size)


def _place(head: bytes, table: int, field: int) -> int | None:
    """Return where a table's field stands, None where it is absent."""
    vtable = table - unpack_from("<i", head, table)[0]
    (size,) = unpack_from("<H", head, vtable)
    entry = 4 + 2 * field
    offset = unpack_from("<H", head, vtable + entry)[0] if entry < size else 0
    return table + offset if offset else None


def _referred(head: bytes, place: int) -> int:
    return int(place + unpack_from("<I", head, place)[0])


def _inner(head: bytes, table: int, field: int) -> int:
    """Return where the table stands that a field refers to."""
    place = _place(head, table, field)
    if place is None:
        raise ValueError(f"a message lacks its field {field}")
    return _referred(head, place)


def _pairs(head: bytes, table: int, field: int) -> list[tuple[int, int]]:
    """Return a vector of two integers each: a length and its nulls, or an offset and a length."""
    place = _place(head, table, field)
    if place is None:
        return []
    start = _referred(head, place)
    (count,) = unpack_from("<I", head, start)
    return list(iter_unpack("<qq", head[start + 4 : start + 4 + 16 * count]))
