"""application/vnd.apache.arrow.stream: named, typed columns, the one format that carries everything."""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING, Any

import orjson

from stagewire.codec.extent import refuse_large, refuse_repeated
from stagewire.errors import Malformed, NotAcceptable
from stagewire.offload import off_loop
from stagewire.parsed import Parsed
from stagewire.request import Origin
from stagewire.table import Column, Role, objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from stagewire.answer import Answer
    from stagewire.media import MediaType
    from stagewire.schema import Schema

ROLE = b"sw-role"
JSON = b"sw-json"
# Marks a stream of ours, which may rightly hold no rows: a stage may have dropped every one.
ORIGIN = b"sw-origin"
_PREFIX = b"sw-"
FILE = b"ARROW1"
_INT64 = 2**63
_EXACT = 2**53
# A small stream may hold many rows, compressed or of nulls, so its size does not bound the work. More
# cells than this take some milliseconds and leave the event loop.
CELLS_AT_ONCE = 1 << 14


def parse(body: bytes, media: MediaType, schema: Schema | None) -> Parsed:
    """Read a stream, checked whole: its bytes come from a stranger.

    Raises:
        Malformed: not an Arrow stream, a damaged one, or one without rows.
        TooLarge: it decodes to far more than the body's limit.
        SchemaMismatch: how much it decodes to cannot be told.

    """
    del media, schema  # the stream says all that there is to know
    import_off_loop()
    table = load(body)
    if table.num_rows * table.num_columns > CELLS_AT_ONCE:
        off_loop()
    metadata: Mapping[bytes, bytes] = table.schema.metadata or {}
    if not table.num_columns or (not table.num_rows and ORIGIN not in metadata):
        raise Malformed(
            f"the Arrow stream holds {table.num_rows} rows of {table.num_columns} columns"
        )
    fields = [table.schema.field(i) for i in range(table.num_columns)]
    return Parsed(
        Origin.ARROW,
        "arrow",
        [_column(table.column(i), field) for i, field in enumerate(fields)],
        table.num_rows,
        tuple(field.name for field in fields),
        roles=_roles(fields),
        parameters={
            key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
            for key, value in metadata.items()
            if key.startswith(_PREFIX)
        },
    )


def import_off_loop() -> None:
    """Leave the event loop if pyarrow is still to be imported, which takes a quarter of a second."""
    if "pyarrow" not in sys.modules:
        off_loop()


def load(body: bytes) -> pa.Table:
    """Read and validate a stream.

    Raises:
        Malformed: not an Arrow stream, or a damaged one.
        TooLarge: it decodes to far more than the body's limit.
        SchemaMismatch: how much it decodes to cannot be told.

    """
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
            refuse_large(body, reader.schema)
            table = reader.read_all()
        table.validate(full=True)
        refuse_repeated(body, table)
        for name in table.column_names:
            name.encode()
    except (pa.ArrowException, OSError, ValueError, TypeError, MemoryError, struct.error) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0] if body else "it is empty"
        if body.startswith(FILE):
            reason = "it is Arrow's file format (Feather); write it as a stream"
        raise Malformed(f"the body is not an Arrow IPC stream: {reason}") from None
    return table


def _column(values: pa.ChunkedArray, field: pa.Field) -> Any:
    metadata = field.metadata or {}
    if JSON not in metadata or metadata.get(ROLE) == Role.ERROR.encode():
        return values
    try:
        return objects(None if text is None else orjson.loads(text) for text in values.to_pylist())
    except orjson.JSONDecodeError as error:
        raise Malformed(
            f"column {field.name!r} is marked as JSON and does not hold it: {error}"
        ) from None


def _roles(fields: Sequence[pa.Field]) -> tuple[Role, ...] | None:
    stated = [(field.metadata or {}).get(ROLE) for field in fields]
    if not any(stated):
        return None
    try:
        roles = tuple(Role((role or b"carried").decode()) for role in stated)
    except ValueError as error:
        raise Malformed(f"an Arrow field states a role that does not exist: {error}") from None
    for field, role in zip(fields, roles, strict=True):
        if role is Role.ERROR and str(field.type) != "string":
            raise Malformed(f"column {field.name!r} states reasons and is {field.type}")
    return roles


def write(answer: Answer) -> bytes:
    """Write a named answer, or bare results with their names."""
    named = answer.request.origin.named
    return dump(answer.named() if named else answer.bare(proba=answer.request.proba))


def dump(columns: Sequence[Column], parameters: Mapping[str, str] | None = None) -> bytes:
    """Write columns as a stream; with parameters, also each column's role, for the next stage.

    Raises:
        NotAcceptable: a value has no Arrow type.

    """
    import_off_loop()
    import pyarrow as pa

    fields: list[pa.Field] = []
    arrays: list[Any] = []
    for column in columns:
        array, metadata = _array(column, hop=parameters is not None)
        if parameters is not None:
            metadata = {**metadata, ROLE: str(column.role).encode()}
        arrays.append(array)
        fields.append(pa.field(column.name, array.type, metadata=metadata or None))
    schema = pa.schema(fields, metadata=dict(parameters) if parameters is not None else None)
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, schema=schema)
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _array(column: Column, *, hop: bool) -> tuple[Any, dict[bytes, bytes]]:
    import pyarrow as pa

    values = column.values
    if isinstance(values, pa.ChunkedArray):
        return values, {}
    if values.dtype.kind != "O":
        # A prediction that does not exist is null; a feature's NaN is its value.
        return pa.array(values, from_pandas=column.role is Role.PREDICTION), {}
    kind = _kind(values.tolist(), hop=hop)
    return (
        _as_json(column.name, values.tolist())
        if kind is None
        else (pa.array(values, type=kind), {})
    )


def _kind(values: Sequence[Any], *, hop: bool) -> pa.DataType | None:
    """Find the one Arrow type of JSON's values, or None when there is none that keeps them all."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    # To the caller 1 and 2.5 are numbers; the next stage may still have to write the one as `1`.
    if kinds == {int, float} and not hop and all(map(_exact, values)):
        return pa.float64()
    if len(kinds) > 1 or not kinds <= {str, bool, int, float}:
        return None
    if kinds == {int} and any(value is not None and abs(value) >= _INT64 for value in values):
        return None
    types = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    return types[kinds.pop()] if kinds else pa.string()


def _exact(value: object) -> bool:
    return not isinstance(value, int) or abs(value) <= _EXACT


def _as_json(name: str, values: Sequence[Any]) -> tuple[Any, dict[bytes, bytes]]:
    import pyarrow as pa

    try:
        texts = [None if value is None else orjson.dumps(value).decode() for value in values]
    except TypeError as error:
        raise NotAcceptable(
            f"column {name!r} holds a value that cannot be carried: {error}"
        ) from None
    return pa.array(texts, type=pa.string()), {JSON: b"1"}
