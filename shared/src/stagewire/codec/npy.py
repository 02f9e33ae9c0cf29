"""application/x-npy: one NumPy array, plain for all-numeric rows or structured with names; never pickle."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format

from stagewire.errors import Malformed, NotAcceptable, SchemaMismatch
from stagewire.parsed import Parsed
from stagewire.request import Origin

if TYPE_CHECKING:
    from stagewire.answer import Answer
    from stagewire.media import MediaType
    from stagewire.schema import Schema
    from stagewire.table import Array

# Version 1.0, and a header of 118 bytes behind these ten.
_SHORT = b"\x93NUMPY\x01\x00v\x00"
_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def parse(body: bytes, media: MediaType, schema: Schema | None) -> Parsed:
    """Read an array, shape (rows, columns), or structured, shape (rows,), without copying it.

    Raises:
        Malformed: not an npy file, a damaged one, one with objects in it, or without rows.
        SchemaMismatch: a plain array for a stage that takes text, or of another width.

    """
    array = load(body)
    # Only a stage of ours may send no rows: it may have dropped every one.
    if not array.size and "sw-origin" not in media.parameters:
        raise Malformed(f"the array of shape {array.shape} holds no rows")
    if array.dtype.names:
        columns = [array[name] for name in array.dtype.names]
        if any(column.ndim != 1 for column in columns):
            raise SchemaMismatch(
                f"the array of shape {array.shape} and {array.dtype} is not one value a row and name"
            )
        return Parsed(Origin.NPY, "numpy", columns, len(array), tuple(array.dtype.names))
    return _plain(array, schema)


def _plain(array: Array, schema: Schema | None) -> Parsed:
    if schema and not schema.numeric:
        text = next(field.name for field in schema.fields if not field.numeric)
        raise SchemaMismatch(
            f"a plain array cannot carry the text column {text!r}; send a structured array, Arrow, CSV or JSON"
        )
    width = len(schema.fields) if schema else array.shape[-1]
    if array.ndim != 2 or array.shape[1] not in {width, width + 1}:  # noqa: PLR2004 (rows and columns)
        raise SchemaMismatch(f"the array has shape {array.shape} where (rows, {width}) is expected")
    block = array[:, :width]
    return Parsed(Origin.NPY, "numpy", list(block.T), len(array), block=block)


def load(body: bytes) -> Array:
    """Read an npy file as a view of its bytes, in native byte order.

    Raises:
        Malformed: not an npy file, a damaged one, or one with Python objects in it.

    """
    try:
        # Headers come in blocks of 64 bytes; that of most arrays fits the first two.
        short = body[: len(_SHORT)] == _SHORT
        shape, fortran, dtype, start = _remembered(bytes(body[:128])) if short else _header(body)
    except Exception as error:  # noqa: BLE001 (NumPy reads the header as Python, which fails in many ways)
        reason = f"version {error} is not read here" if isinstance(error, KeyError) else f"{error}"
        reason = reason if body else "it is empty"
        raise Malformed(f"the body is not an npy file: {reason}") from None
    if dtype.hasobject:
        raise Malformed(
            "the array holds Python objects, which only pickle could carry; send numbers or text"
        )
    return _view(body, start, shape, dtype, fortran=fortran)


def _header(body: bytes) -> tuple[tuple[int, ...], bool, Any, int]:
    file = io.BytesIO(body)
    reader = _READERS[npy_format.read_magic(file)]
    shape, fortran, dtype = reader(file)
    fields = [dtype[name] for name in dtype.names] if dtype.names else [dtype]
    # NumPy's own empty arrays of text have cells of one character.
    if not all(each.itemsize for each in fields) or 0 in shape[1:]:
        raise ValueError(f"{dtype} of shape {shape} states cells without a byte")
    return shape, fortran, dtype, file.tell()


# NumPy reads a header as Python source, in 40 us; a chain sends the same few again and again.
_remembered = lru_cache(maxsize=256)(_header)


def _view(body: bytes, start: int, shape: tuple[int, ...], dtype: Any, *, fortran: bool) -> Array:
    if not shape:
        raise Malformed("the array is a single value; send one of shape (rows, columns)")
    count = 1
    for size in shape:
        count *= size
    if count < 0 or min(shape) < 0 or count * dtype.itemsize != len(body) - start:
        raise Malformed(
            f"the header states {dtype} of shape {shape}, but {len(body) - start} bytes follow"
        )
    if not count:
        return np.empty(shape, dtype)
    flat = np.frombuffer(body, dtype=dtype, count=count, offset=start)
    array = flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def dump(array: Array) -> bytes:
    """Write an array as an npy file."""
    array = np.ascontiguousarray(array)
    return head(array.dtype.str, array.shape) + array.tobytes()


@lru_cache(maxsize=256)  # a chain's batches have few sizes, and a header takes 20 us to write
def head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Write the header of a C-ordered array of numbers or text."""
    file = io.BytesIO()
    npy_format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def write(answer: Answer) -> bytes:
    """Write predictions 1-D (labels if they are numbers, else probabilities 2-D), features and several predictions 2-D.

    Raises:
        NotAcceptable: the answer has names or text, which an array cannot carry.

    """
    if answer.request.origin.named:
        raise NotAcceptable(
            "application/x-npy carries results without names; this request's columns need Arrow, CSV or JSON"
        )
    columns = [column.numpy() for column in answer.bare(proba=True)]
    if answer.featurized or (answer.several and all(map(_numbers, columns))):
        return dump(np.column_stack(columns))
    text = any(isinstance(name, str) for name in answer.classes) or not _numbers(columns[0])
    if text or (answer.request.proba and answer.classes):
        columns = columns[1:]
        if not columns:
            raise NotAcceptable(
                "application/x-npy cannot carry text labels, and this model gives no probabilities"
            )
        return dump(np.column_stack(columns))
    labels = columns[0]
    if labels.dtype == object:  # integer labels with missing ones among them
        labels = np.array(
            [np.nan if label is None else label for label in labels], dtype=np.float64
        )
    return dump(labels)


def _numbers(labels: Array) -> bool:
    return labels.dtype != object or not any(isinstance(label, str) for label in labels)
