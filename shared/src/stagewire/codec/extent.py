"""How much an Arrow stream decodes to, which its own size does not bound.

Compression, dictionaries, views and columns of nulls can say much in few bytes: 680 bytes held eight
columns of a million rows, for which a stage took 1.3 GiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stagewire.codec.messages import batches
from stagewire.errors import SchemaMismatch, TooLarge
from stagewire.limits import BODY_BYTES, EXPANSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

# A cell without bytes of its own becomes a float64, or a pointer.
_CELL: Final = 8


def refuse_large(body: bytes, schema: pa.Schema) -> None:
    """Refuse a stream that decodes to too much, by the heads of its messages, before that is done.

    Raises:
        TooLarge: its buffers, decompressed, and the cells that have no bytes are over the limit.
        SchemaMismatch: a column's type can say the same bytes any number of times.

    """
    for field in schema:
        _refuse_shared(field)
    bare = [_bare(kind) for kind in _types(schema)]
    found = 0
    for batch in batches(body):
        own = [True] * len(batch.cells) if batch.dictionary else bare
        cells = sum(n for n, alone in zip(batch.cells, own, strict=False) if alone)
        found += sum(batch.sizes) + _CELL * cells
        _hold(found, body)


def refuse_repeated(body: bytes, table: pa.Table) -> None:
    """Refuse a table whose dictionaries and views, written out, come to too much.

    Raises:
        TooLarge: they do.

    """
    found = 0
    for column in table.columns:
        found += _written_out(column)
        _hold(found, body)


def _hold(found: int, body: bytes) -> None:
    # A body that is sent in plain form always passes, also under a larger limit set for the server.
    most = EXPANSION * max(BODY_BYTES, len(body))
    if found > most:
        raise TooLarge(
            f"the body decodes to {found} bytes or more, and {most} are the limit; send fewer rows a request"
        )


def _types(fields: Iterable[pa.Field]) -> Iterator[pa.DataType]:
    """Yield types in the order in which a batch states their lengths: each before its parts."""
    import pyarrow as pa

    for field in fields:
        kind = field.type
        if isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        yield kind
        yield from _types(kind.field(i) for i in range(kind.num_fields))


def _bare(kind: pa.DataType) -> bool:
    """Tell a type whose cells may have no bytes in the stream."""
    from pyarrow import types

    tests = (types.is_null, types.is_struct, types.is_fixed_size_list, types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _view(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string_view(kind) or types.is_binary_view(kind))


def _shared(kind: pa.DataType) -> bool:
    """Tell a type whose cells may share bytes."""
    from pyarrow import types

    tests = (
        types.is_dictionary,
        _view,
        types.is_list_view,
        types.is_large_list_view,
        types.is_run_end_encoded,
        types.is_union,
    )
    return any(test(kind) for test in tests)


def _refuse_shared(field: pa.Field) -> None:
    """Let pass what `_written_out` can count: dictionaries and views, and those not inside others."""
    from pyarrow import types

    kind, *inner = _types([field])
    if types.is_dictionary(kind):
        inner = list(_types([field.with_type(kind.value_type)]))
        fine = len(inner) == 1
    else:
        fine = _view(kind) or not _shared(kind)
    if not fine or any(map(_shared, inner)):
        raise SchemaMismatch(
            f"column {field.name!r} is {field.type}, whose cells may share bytes; send it as a plain type"
        )


def _written_out(column: pa.ChunkedArray) -> int:
    from pyarrow import types

    if _view(column.type):
        return sum(map(_viewed, column.chunks))
    return _named(column) if types.is_dictionary(column.type) else 0


def _viewed(chunk: Any) -> int:
    """Add up the lengths of views: the first four of their sixteen bytes."""
    heads = np.frombuffer(chunk.buffers()[1], np.int32)[::4]
    own = heads[chunk.offset : chunk.offset + len(chunk)]
    return int(own.clip(0).sum(dtype=np.int64))  # that of a null may be anything


def _named(column: pa.ChunkedArray) -> int:
    """Add up the lengths of what a dictionary's indices stand for."""
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type.value_type
    if not (
        types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
    ):
        width = 0 if types.is_null(kind) else kind.bit_width // 8
        return max(_CELL, width) * len(column)
    found = _CELL * len(column)
    known: dict[tuple[int, ...], Any] = {}
    for chunk in column.chunks:
        words = chunk.dictionary
        # Batches share one dictionary, whose lengths are measured once.
        key = (words.offset, len(words), *(each.address if each else 0 for each in words.buffers()))
        if key not in known:
            known[key] = pc.call_function("binary_length", [words])
        found += pc.call_function("sum", [known[key].take(chunk.indices)]).as_py() or 0
    return found
